package dev.baton.template;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** What is made of items one by one, as they are asked for. */
final class Lazily {
  private Lazily() {}

  static Iterator<Object> map(Iterator<Object> items, UnaryOperator<Object> change) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return items.hasNext();
      }

      @Override
      public Object next() {
        return change.apply(items.next());
      }
    };
  }

  static Iterator<Object> filter(Iterator<Object> items, Predicate<Object> wanted) {
    return new Iterator<>() {
      private @Nullable Object next;

      @Override
      public boolean hasNext() {
        while (next == null && items.hasNext()) {
          Object item = items.next();
          next = wanted.test(item) ? item : null;
        }
        return next != null;
      }

      @Override
      public Object next() {
        if (!hasNext() || next == null) {
          throw new NoSuchElementException();
        }
        Object item = next;
        next = null;
        return item;
      }
    };
  }

  static Object batches(Object value, Arguments given) {
    Arguments.Bound of = given.bind("batch", "linecount", "fill_with=");
    int size = Values.index(of.get(0));
    List<Object> batches = new ArrayList<>();
    List<Object> batch = new ArrayList<>();
    for (Object item : Values.list(value)) {
      if (batch.size() == size) {
        batches.add(Sequence.list(batch));
        batch = new ArrayList<>();
      }
      batch.add(item);
    }
    if (!batch.isEmpty()) {
      if (of.isGiven(1)) {
        bounded(size);
        while (batch.size() < size) {
          batch.add(of.get(1));
        }
      }
      batches.add(Sequence.list(batch));
    }
    return OneShot.generator(batches.iterator());
  }

  static Object slices(Object value, Arguments given) {
    Arguments.Bound of = given.bind("slice", "slices", "fill_with=");
    List<Object> items = Values.list(value);
    int count = Values.index(of.get(0));
    if (count == 0) {
      throw new TemplateException("integer division or modulo by zero");
    }
    bounded(count);
    int each = items.size() / Math.max(1, count);
    int longer = items.size() % Math.max(1, count);
    List<Object> slices = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < count; i++) {
      int to = from + each + (i < longer ? 1 : 0);
      List<Object> slice = new ArrayList<>(items.subList(from, to));
      if (of.isGiven(1) && i >= longer) {
        slice.add(of.get(1));
      }
      slices.add(Sequence.list(slice));
      from = to;
    }
    return OneShot.generator(slices.iterator());
  }

  private static void bounded(int size) {
    if (size > Budget.MOST_ITEMS) {
      throw new TemplateException("makes a list of too many items");
    }
  }
}
