package dev.baton.template;

import java.util.Arrays;

/**
 * A string whose parts are marked where they did not come from the template: what is made of marked
 * text stays marked.
 *
 * @param chars the characters, UTF-16
 * @param edges where marked text begins and ends, in turn, ascending; the last end may be left out
 * @param safe Python's {@code Markup}: what is joined with it by {@code +} is escaped for HTML
 */
record Text(String chars, int[] edges, boolean safe) implements Comparable<Text> {
  private static final int[] UNMARKED = {};
  private static final int[] MARKED = {0};
  static final Text EMPTY = of("");

  static Text of(String chars) {
    return new Text(chars, UNMARKED, false);
  }

  /** All of it marked. */
  static Text marked(String chars) {
    return new Text(chars, MARKED, false);
  }

  static Text of(String chars, boolean marked) {
    return marked ? marked(chars) : of(chars);
  }

  Text asSafe(boolean wanted) {
    return safe == wanted ? this : new Text(chars, edges, wanted);
  }

  boolean isEmpty() {
    return chars.isEmpty();
  }

  /** Python's length, in characters. */
  int length() {
    return chars.codePointCount(0, chars.length());
  }

  /** Whether places of characters and of UTF-16 units are the same. */
  boolean isPlain() {
    return length() == chars.length();
  }

  /** The place in UTF-16 of a character. */
  int unit(int character) {
    return isPlain() ? character : chars.offsetByCodePoints(0, character);
  }

  /** The place of the character at a place in UTF-16. */
  int character(int unit) {
    return chars.codePointCount(0, unit);
  }

  boolean isMarkedAt(int unit) {
    int found = Arrays.binarySearch(edges, unit);
    int begun = found >= 0 ? found + 1 : -found - 1;
    return begun % 2 == 1;
  }

  boolean hasMarks() {
    return edges.length > 0;
  }

  /** Where the run ends that {@code unit} is in: the marks change there, or the text ends. */
  int runEnd(int unit) {
    int found = Arrays.binarySearch(edges, unit);
    int next = found >= 0 ? found + 1 : -found - 1;
    return next < edges.length ? Math.min(edges[next], chars.length()) : chars.length();
  }

  /** A part of it, by places in UTF-16. */
  Text part(int from, int to) {
    if (from == 0 && to == chars.length()) {
      return this;
    }
    if (edges.length == 0) {
      return new Text(chars.substring(from, to), UNMARKED, safe);
    }
    return new TextBuilder().append(this, from, to).text().asSafe(safe);
  }

  Text plus(Text other) {
    Text left = safe || !other.safe ? this : Html.escape(this);
    Text right = other.safe || !safe ? other : Html.escape(other);
    return new TextBuilder().append(left).append(right).text().asSafe(safe || other.safe);
  }

  /** By characters, as Python compares. */
  @Override
  public int compareTo(Text other) {
    int at = Arrays.mismatch(chars.toCharArray(), other.chars.toCharArray());
    if (at < 0 || at >= chars.length() || at >= other.chars.length()) {
      return Integer.compare(chars.length(), other.chars.length());
    }
    boolean inPair = at > 0 && Character.isHighSurrogate(chars.charAt(at - 1));
    int from = inPair ? at - 1 : at;
    return Integer.compare(chars.codePointAt(from), other.chars.codePointAt(from));
  }

  /** The same characters; marks do not matter. */
  @Override
  public boolean equals(Object other) {
    return other instanceof Text text && chars.equals(text.chars);
  }

  @Override
  public int hashCode() {
    return chars.hashCode();
  }

  @Override
  public String toString() {
    return chars;
  }
}
