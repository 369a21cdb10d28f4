package dev.baton.template;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code cycler(…)}. One thread. */
final class Cycler {
  private final List<Object> items;
  private int at;

  Cycler(List<Object> items) {
    if (items.isEmpty()) {
      throw new TemplateException("at least one item has to be provided");
    }
    this.items = items;
  }

  @Nullable Object attribute(String name) {
    return switch (name) {
      case "current" -> items.get(at);
      case "next" ->
          Function.builtin(
              name,
              given -> {
                Object next = items.get(at);
                at = (at + 1) % items.size();
                return next;
              });
      case "reset" ->
          Function.builtin(
              name,
              given -> {
                at = 0;
                return None.NONE;
              });
      case "items" -> Sequence.tuple(items);
      case "pos" -> (long) at;
      default -> null;
    };
  }
}
