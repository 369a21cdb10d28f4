package dev.baton.text;

import java.util.Arrays;

/**
 * The ids of texts, found by a part of another text without cutting it out: an open-addressing
 * table of polynomial hashes, which make the hash of any part a difference of two ({@link Hashes});
 * what has the same hash is compared. Filled by one thread, then read by any.
 */
final class TextIds {
  static final int NONE = -1;

  /** Odd, so that it has an inverse; any with well mixed bits would do. */
  private static final long BASE = 0x9E3779B97F4A7C15L;

  private final String[] texts;
  private final long[] hashes;
  private final int[] ids;

  /**
   * @param texts by id
   */
  TextIds(String[] texts) {
    this.texts = texts;
    int capacity = Integer.highestOneBit(Math.max(8, texts.length) * 2 - 1) * 2;
    hashes = new long[capacity];
    ids = new int[capacity];
    Arrays.fill(ids, NONE);
  }

  /**
   * Adds the text of an id.
   *
   * @return the id that has this text already, and keeps it, or {@link #NONE}
   */
  int add(int id) {
    String text = texts[id];
    long hash = hash(text);
    int slot = slotOf(hash, text, 0, text.length(), text.length());
    if (ids[slot] != NONE) {
      return ids[slot];
    }
    hashes[slot] = hash;
    ids[slot] = id;
    return NONE;
  }

  /** The id of the text from {@code from} to {@code to} of the one {@code of}, or {@link #NONE}. */
  int find(Hashes of, int from, int to) {
    return ids[slotOf(of.hash(from, to), of.text, from, to, to)];
  }

  /**
   * The id of all of the text {@code of} but for the character at {@code gap}, or {@link #NONE}.
   */
  int findWithout(Hashes of, int gap) {
    int to = of.text.length();
    long hash = of.hash(0, gap) * of.powers[to - gap - 1] + of.hash(gap + 1, to);
    return ids[slotOf(hash, of.text, 0, gap, to)];
  }

  /** The slot of what {@code text} has from {@code from} to {@code to}, less the one at gap. */
  private int slotOf(long hash, String text, int from, int gap, int to) {
    int mask = ids.length - 1;
    int slot = (int) ((hash * BASE) >>> Integer.SIZE) & mask;
    while (ids[slot] != NONE
        && (hashes[slot] != hash || !isAt(texts[ids[slot]], text, from, gap, to))) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private static boolean isAt(String whole, String text, int from, int gap, int to) {
    int before = gap - from;
    int after = Math.max(0, to - gap - 1);
    return whole.length() == before + after
        && whole.regionMatches(0, text, from, before)
        && (after == 0 || whole.regionMatches(before, text, gap + 1, after));
  }

  private static long hash(String text) {
    long hash = 0;
    for (int i = 0; i < text.length(); i++) {
      hash = hash * BASE + text.charAt(i) + 1;
    }
    return hash;
  }

  /** The hashes of all parts of one text after another. One thread. */
  static final class Hashes {
    private String text = "";
    private long[] upTo = new long[1];
    private long[] powers = {1};

    String text() {
      return text;
    }

    void of(String newText) {
      text = newText;
      int length = newText.length();
      if (length >= upTo.length) {
        upTo = new long[2 * length + 1];
        powers = new long[2 * length + 1];
        powers[0] = 1;
        for (int i = 1; i < powers.length; i++) {
          powers[i] = powers[i - 1] * BASE;
        }
      }
      for (int i = 0; i < length; i++) {
        upTo[i + 1] = upTo[i] * BASE + newText.charAt(i) + 1;
      }
    }

    private long hash(int from, int to) {
      return upTo[to] - upTo[from] * powers[to - from];
    }
  }
}
