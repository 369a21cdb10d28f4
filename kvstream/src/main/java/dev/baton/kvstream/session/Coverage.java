package dev.baton.kvstream.session;

import java.util.Arrays;
import org.agrona.collections.IntArrayList;

/**
 * Which units of each slot have arrived, a bitmap for each: tokens of a layer, say. Marking is
 * idempotent: slices may come twice, overlap, and come in any order. Used by one thread.
 */
final class Coverage {
  /** Ranges that one slot's part of a request has at most. */
  private static final int MAX_RANGES = 4;

  private final int[] first;
  private final int[] end;
  private final int[] base;
  private final long[] bits;
  private final int[] covered;
  private final int[] prefix;

  /** Tokens [firstToken, endToken) in each of some layers. */
  Coverage(int layers, int firstToken, int endToken) {
    this(filled(layers, firstToken), filled(layers, endToken));
    if (layers < 1 || firstToken < 0 || endToken <= firstToken) {
      throw new IllegalArgumentException(
          "coverage needs layers and tokens, got "
              + layers
              + " and ["
              + firstToken
              + ", "
              + endToken
              + ")");
    }
  }

  private static int[] filled(int count, int value) {
    int[] all = new int[Math.max(0, count)];
    Arrays.fill(all, value);
    return all;
  }

  /** Units [first, end) of each slot; a slot may have none. */
  Coverage(int[] first, int[] end) {
    this.first = first;
    this.end = end;
    this.base = new int[first.length];
    int words = 0;
    for (int slot = 0; slot < first.length; slot++) {
      base[slot] = words;
      words = Math.addExact(words, Math.max(0, end[slot] - first[slot] + 63) >>> 6);
    }
    this.bits = new long[words];
    this.covered = new int[first.length];
    this.prefix = first.clone();
  }

  /** Marks units [from, from + count) of a slot and returns how many of them are new. */
  int mark(int slot, int from, int count) {
    int fresh = 0;
    int bit = from - first[slot];
    int to = bit + count;
    for (; bit < to; bit = (bit | 63) + 1) {
      long mask = mask(bit, to);
      int word = base[slot] + (bit >>> 6);
      fresh += Long.bitCount(mask & ~bits[word]);
      bits[word] |= mask;
    }
    covered[slot] += fresh;
    if (fresh > 0 && from <= prefix[slot]) {
      prefix[slot] = firstMissing(slot, prefix[slot]);
    }
    return fresh;
  }

  /** Nothing of the slot counts any more. */
  void clear(int slot) {
    int words = (end[slot] - first[slot] + 63) >>> 6;
    Arrays.fill(bits, base[slot], base[slot] + words, 0);
    covered[slot] = 0;
    prefix[slot] = first[slot];
  }

  /** How many of units [from, from + count) of a slot have arrived. */
  int count(int slot, int from, int count) {
    int seen = 0;
    int bit = from - first[slot];
    int to = bit + count;
    for (; bit < to; bit = (bit | 63) + 1) {
      seen += Long.bitCount(mask(bit, to) & bits[base[slot] + (bit >>> 6)]);
    }
    return seen;
  }

  /** True when all units of the slot have arrived. */
  boolean isFull(int slot) {
    return covered[slot] == end[slot] - first[slot];
  }

  /** Units [first, n) of the slot have arrived without a gap. */
  int prefix(int slot) {
    return prefix[slot];
  }

  /**
   * The first unit of the slot at or after {@code from} that has not arrived; the end when there is
   * none.
   */
  int firstMissing(int slot, int from) {
    int length = end[slot] - first[slot];
    for (int bit = from - first[slot]; bit < length; bit = (bit | 63) + 1) {
      long missing = ~bits[base[slot] + (bit >>> 6)] & (-1L << bit);
      if (missing != 0) {
        int at = (bit & ~63) + Long.numberOfTrailingZeros(missing);
        return Math.min(end[slot], first[slot] + at);
      }
    }
    return end[slot];
  }

  /**
   * The first unit of the slot at or after {@code from} that has arrived; the end when there is
   * none.
   */
  int firstPresent(int slot, int from) {
    int length = end[slot] - first[slot];
    for (int bit = from - first[slot]; bit < length; bit = (bit | 63) + 1) {
      long present = bits[base[slot] + (bit >>> 6)] & (-1L << bit);
      if (present != 0) {
        int at = (bit & ~63) + Long.numberOfTrailingZeros(present);
        return Math.min(end[slot], first[slot] + at);
      }
    }
    return end[slot];
  }

  /** Appends every range of the slot that has not arrived, as {@link #add} does. */
  void addMissing(IntArrayList ranges, int slot, int layer, int state, int position) {
    int from = firstMissing(slot, first[slot]);
    for (int i = 1; from < end[slot]; i++) {
      // Few ranges, so that the request fits any control stream: the last one may repeat a little.
      int until = i < MAX_RANGES ? firstPresent(slot, from) : end[slot];
      add(ranges, layer, state, position, from, until - from);
      from = until < end[slot] ? firstMissing(slot, until) : end[slot];
    }
  }

  /** Appends a range of units that are not there, in five numbers. */
  static void add(IntArrayList ranges, int layer, int state, int position, int first, int count) {
    ranges.addInt(layer);
    ranges.addInt(state);
    ranges.addInt(position);
    ranges.addInt(first);
    ranges.addInt(count);
  }

  /** Units of the slot that have arrived. */
  int covered(int slot) {
    return covered[slot];
  }

  /** Bits [bit, to) as far as they lie in bit's word. */
  private static long mask(int bit, int to) {
    long fromBit = -1L << bit;
    int last = Math.min(to, (bit | 63) + 1);
    return fromBit & (-1L >>> -last);
  }
}
