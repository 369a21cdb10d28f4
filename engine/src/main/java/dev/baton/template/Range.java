package dev.baton.template;

import java.util.AbstractList;
import java.util.List;

/** Python's {@code range}, of at most 100,000 numbers as in jinja2's sandbox. */
record Range(long start, long stop, long step) {
  private static final long MOST = 100_000;

  Range {
    if (step == 0) {
      throw new TemplateException("range() arg 3 must not be zero");
    }
    if (count(start, stop, step) > MOST) {
      throw new TemplateException(
          "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
    }
  }

  private static long count(long start, long stop, long step) {
    if (step > 0 ? start >= stop : start <= stop) {
      return 0;
    }
    double span = Math.abs((double) stop - (double) start);
    double about = span / Math.abs((double) step);
    if (about > 2 * MOST) {
      return Long.MAX_VALUE;
    }
    return step > 0 ? (stop - start - 1) / step + 1 : (start - stop - 1) / -step + 1;
  }

  int size() {
    return (int) count(start, stop, step);
  }

  List<Object> list() {
    int size = size();
    return new AbstractList<>() {
      @Override
      public Object get(int index) {
        return start + index * step;
      }

      @Override
      public int size() {
        return size;
      }
    };
  }
}
