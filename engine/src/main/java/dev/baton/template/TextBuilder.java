package dev.baton.template;

import java.util.Arrays;

/** Joins texts and keeps their marks. One thread. */
final class TextBuilder {
  private final StringBuilder chars = new StringBuilder();
  private int[] edges = new int[8];
  private int edgeCount;

  /** Appends text that is not marked. */
  TextBuilder append(String text) {
    return append(text, false);
  }

  TextBuilder append(String text, boolean marked) {
    if (!text.isEmpty()) {
      mark(marked);
      chars.append(text);
      check();
    }
    return this;
  }

  TextBuilder append(int codePoint, boolean marked) {
    mark(marked);
    chars.appendCodePoint(codePoint);
    check();
    return this;
  }

  TextBuilder append(Text text) {
    return append(text, 0, text.chars().length());
  }

  TextBuilder append(Text text, int from, int to) {
    for (int at = from; at < to; ) {
      int end = Math.min(to, text.runEnd(at));
      mark(text.isMarkedAt(at));
      chars.append(text.chars(), at, end);
      at = end;
    }
    check();
    return this;
  }

  TextBuilder repeat(Text text, long times) {
    if (times > 0 && (double) times * text.chars().length() > Budget.MOST_CHARACTERS) {
      throw new TemplateException("writes too much");
    }
    for (long i = 0; i < times && !text.isEmpty(); i++) {
      append(text);
    }
    return this;
  }

  int length() {
    return chars.length();
  }

  private void mark(boolean marked) {
    if ((edgeCount % 2 == 1) != marked) {
      if (edgeCount == edges.length) {
        edges = Arrays.copyOf(edges, 2 * edgeCount);
      }
      edges[edgeCount++] = chars.length();
    }
  }

  private void check() {
    if (chars.length() > Budget.MOST_CHARACTERS) {
      throw new TemplateException("writes too much");
    }
  }

  Text text() {
    return new Text(chars.toString(), Arrays.copyOf(edges, edgeCount), false);
  }
}
