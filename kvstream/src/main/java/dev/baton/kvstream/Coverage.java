package dev.baton.kvstream;

import java.util.Arrays;

/**
 * Which tokens of [firstToken, endToken) have arrived, a bitmap for each layer. Marking is
 * idempotent: slices may come twice, overlap, and come in any order. Used by one thread.
 */
final class Coverage {
  private final int firstToken;
  private final int endToken;
  private final int wordsPerLayer;
  private final long[] bits;
  private final int[] covered;
  private final int[] prefix;

  Coverage(int layers, int firstToken, int endToken) {
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
    this.firstToken = firstToken;
    this.endToken = endToken;
    this.wordsPerLayer = (endToken - firstToken + 63) >>> 6;
    this.bits = new long[Math.multiplyExact(layers, wordsPerLayer)];
    this.covered = new int[layers];
    this.prefix = new int[layers];
    Arrays.fill(prefix, firstToken);
  }

  /** Marks tokens [first, first + tokens) of a layer and returns how many of them are new. */
  int mark(int layer, int first, int tokens) {
    int fresh = 0;
    int from = first - firstToken;
    int to = from + tokens;
    int base = layer * wordsPerLayer;
    for (int bit = from; bit < to; bit = (bit | 63) + 1) {
      long mask = mask(bit, to);
      int word = base + (bit >>> 6);
      fresh += Long.bitCount(mask & ~bits[word]);
      bits[word] |= mask;
    }
    covered[layer] += fresh;
    if (fresh > 0 && first <= prefix[layer]) {
      prefix[layer] = firstMissing(layer, prefix[layer]);
    }
    return fresh;
  }

  /** How many of tokens [first, first + tokens) of a layer have arrived. */
  int count(int layer, int first, int tokens) {
    int seen = 0;
    int from = first - firstToken;
    int to = from + tokens;
    int base = layer * wordsPerLayer;
    for (int bit = from; bit < to; bit = (bit | 63) + 1) {
      seen += Long.bitCount(mask(bit, to) & bits[base + (bit >>> 6)]);
    }
    return seen;
  }

  /** True when all tokens of the layer have arrived. */
  boolean isFull(int layer) {
    return covered[layer] == endToken - firstToken;
  }

  /** Tokens [firstToken, n) of the layer have arrived without a gap. */
  int prefix(int layer) {
    return prefix[layer];
  }

  /**
   * The first token of the layer at or after {@code from} that has not arrived; the end when there
   * is none.
   */
  int firstMissing(int layer, int from) {
    int base = layer * wordsPerLayer;
    int length = endToken - firstToken;
    for (int bit = from - firstToken; bit < length; bit = (bit | 63) + 1) {
      long missing = ~bits[base + (bit >>> 6)] & (-1L << bit);
      if (missing != 0) {
        return Math.min(endToken, firstToken + (bit & ~63) + Long.numberOfTrailingZeros(missing));
      }
    }
    return endToken;
  }

  /**
   * The first token of the layer at or after {@code from} that has arrived; the end when there is
   * none.
   */
  int firstPresent(int layer, int from) {
    int base = layer * wordsPerLayer;
    int length = endToken - firstToken;
    for (int bit = from - firstToken; bit < length; bit = (bit | 63) + 1) {
      long present = bits[base + (bit >>> 6)] & (-1L << bit);
      if (present != 0) {
        return Math.min(endToken, firstToken + (bit & ~63) + Long.numberOfTrailingZeros(present));
      }
    }
    return endToken;
  }

  /** Tokens of the layer that have arrived. */
  int covered(int layer) {
    return covered[layer];
  }

  /** Bits [bit, to) as far as they lie in bit's word. */
  private static long mask(int bit, int to) {
    long fromBit = -1L << bit;
    int last = Math.min(to, (bit | 63) + 1);
    return fromBit & (-1L >>> -last);
  }
}
