package dev.baton.template;

import java.util.List;

/**
 * A list or a tuple; neither changes.
 *
 * @param fields names of a tuple's items, where they have any
 */
record Sequence(List<Object> items, boolean isTuple, List<String> fields) {
  Sequence(List<Object> items, boolean isTuple) {
    this(items, isTuple, List.of());
  }

  static Sequence list(List<Object> items) {
    return new Sequence(items, false);
  }

  static Sequence tuple(Object... items) {
    return new Sequence(List.of(items), true);
  }

  static Sequence tuple(List<Object> items) {
    return new Sequence(items, true);
  }

  int size() {
    return items.size();
  }
}
