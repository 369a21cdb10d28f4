package dev.baton.template;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** {@code loop} inside a loop; looks ahead no further than it is asked to. One thread. */
final class Loop implements Iterator<Object> {
  private final Object iterable;
  private final @Nullable Function<Object, Object> recursion;
  private final int depth;
  private Iterator<Object> items;
  private int index = -1;
  private int length = -1;
  private @Nullable Object before;
  private @Nullable Object current;
  private @Nullable Object after;
  private @Nullable Sequence lastChanged;

  /**
   * @param recursion what calling it does, or null
   */
  Loop(
      Object iterable,
      Iterator<Object> items,
      int depth,
      @Nullable Function<Object, Object> recursion) {
    this.iterable = iterable;
    this.items = items;
    this.depth = depth;
    this.recursion = recursion;
  }

  @Override
  public boolean hasNext() {
    return after != null || items.hasNext();
  }

  @Override
  public Object next() {
    Object next = after != null ? after : items.next();
    after = null;
    index++;
    before = current;
    current = next;
    return next;
  }

  /** What going through the loop itself gives. */
  Iterator<Object> pairs() {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return Loop.this.hasNext();
      }

      @Override
      public Object next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        return Sequence.tuple(Loop.this.next(), Loop.this);
      }
    };
  }

  private @Nullable Object peek() {
    if (after == null && items.hasNext()) {
      after = items.next();
    }
    return after;
  }

  int index() {
    return index + 1;
  }

  int length() {
    if (length < 0) {
      length = Values.size(iterable);
      if (length < 0) {
        List<Object> rest = new ArrayList<>();
        items.forEachRemaining(rest::add);
        items = rest.iterator();
        length = rest.size() + index + 1 + (after == null ? 0 : 1);
      }
    }
    return length;
  }

  Object call(Object inner) {
    if (recursion == null) {
      throw new TemplateException(
          "The loop must have the 'recursive' marker to be called recursively.");
    }
    return recursion.apply(inner);
  }

  Object attribute(String name) {
    return switch (name) {
      case "index" -> (long) index + 1;
      case "index0" -> (long) index;
      case "revindex" -> (long) length() - index;
      case "revindex0" -> (long) length() - index - 1;
      case "first" -> index == 0;
      case "last" -> peek() == null;
      case "length" -> (long) length();
      case "depth" -> (long) depth + 1;
      case "depth0" -> (long) depth;
      case "previtem" ->
          index == 0 || before == null ? new Undefined("there is no previous item") : before;
      case "nextitem" -> {
        Object next = peek();
        yield next == null ? new Undefined("there is no next item") : next;
      }
      case "cycle" -> dev.baton.template.Function.builtin(name, this::cycle);
      case "changed" -> dev.baton.template.Function.builtin(name, this::changed);
      default -> Attributes.missing(this, name);
    };
  }

  private Object cycle(Arguments arguments) {
    List<Object> values = arguments.positional();
    if (values.isEmpty()) {
      throw new TemplateException("no items for cycling given");
    }
    return values.get(index % values.size());
  }

  private Object changed(Arguments arguments) {
    Sequence values = Sequence.tuple(arguments.positional());
    boolean changed = lastChanged == null || !Values.equal(lastChanged, values);
    lastChanged = values;
    return changed;
  }
}
