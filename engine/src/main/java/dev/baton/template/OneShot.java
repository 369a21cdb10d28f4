package dev.baton.template;

import java.util.Iterator;

/** What can be gone through once, such as what {@code map} gives. */
record OneShot(Iterator<Object> items, String typeName) {
  static OneShot generator(Iterator<Object> items) {
    return new OneShot(items, "generator");
  }
}
