package dev.baton.template;

/** Python's {@code None}. */
enum None {
  NONE
}
