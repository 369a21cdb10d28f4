package dev.baton.template;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Python's {@code [start:stop:step]}; {@code None} where a bound is left out. */
record Slice(Object start, Object stop, Object step) {
  /** The part of a text, list, tuple or range; null for what has no parts. */
  @Nullable Object of(Object value) {
    return switch (value) {
      case Text text -> text(text);
      case Sequence sequence -> new Sequence(items(sequence.items()), sequence.isTuple());
      case Range range -> {
        int[] bounds = bounds(range.size());
        long first = range.start() + bounds[0] * range.step();
        long end = range.start() + bounds[1] * range.step();
        yield new Range(first, end, range.step() * bounds[2]);
      }
      default -> null;
    };
  }

  private Text text(Text text) {
    int[] bounds = bounds(text.length());
    if (bounds[2] == 1) {
      int to = Math.max(bounds[0], bounds[1]);
      return text.part(text.unit(bounds[0]), text.unit(to));
    }
    TextBuilder part = new TextBuilder();
    for (int at = bounds[0]; bounds[2] > 0 ? at < bounds[1] : at > bounds[1]; at += bounds[2]) {
      int unit = text.unit(at);
      part.append(text, unit, unit + Character.charCount(text.chars().codePointAt(unit)));
    }
    return part.text().asSafe(text.safe());
  }

  private List<Object> items(List<Object> items) {
    int[] bounds = bounds(items.size());
    List<Object> part = new ArrayList<>();
    for (int at = bounds[0]; bounds[2] > 0 ? at < bounds[1] : at > bounds[1]; at += bounds[2]) {
      part.add(items.get(at));
    }
    return part;
  }

  /** First, end and step, as Python's {@code slice.indices}; no sum of them overflows. */
  private int[] bounds(int size) {
    int by = step == None.NONE ? 1 : bound(step);
    if (by == 0) {
      throw new TemplateException("slice step cannot be zero");
    }
    int least = by < 0 ? -1 : 0;
    int most = by < 0 ? size - 1 : size;
    int from = start == None.NONE ? (by < 0 ? most : least) : place(start, size, least, most);
    int to = stop == None.NONE ? (by < 0 ? least : most) : place(stop, size, least, most);
    return new int[] {from, to, Math.clamp(by, -size - 1, size + 1)};
  }

  private static int place(Object bound, int size, int least, int most) {
    long at = bound(bound);
    return Math.clamp(at < 0 ? at + size : at, least, most);
  }

  private static int bound(Object value) {
    if (value instanceof Double || value instanceof Text || Values.size(value) >= 0) {
      Values.defined(value);
      throw new TemplateException(
          "slice indices must be integers or None or have an __index__ method");
    }
    return Values.index(value);
  }
}
