package dev.baton.kvstream;

import java.util.Arrays;

/**
 * How a prompt is cut into the chunks that go through the layers together: chunks of the largest
 * size, and at the end ever smaller ones, so that what is left to do when the last chunk is there
 * is short. Has no effect on any bit of the result.
 *
 * @param largestTokens tokens of the largest chunk
 * @param smallestTokens tokens down to which the last chunks are halved; as many as {@code
 *     largestTokens} for equal chunks
 */
public record ChunkSchedule(int largestTokens, int smallestTokens) {
  private static final int GRAIN = 16;

  public ChunkSchedule {
    if (smallestTokens < 1 || largestTokens < smallestTokens) {
      throw new IllegalArgumentException(
          "a schedule's chunks have at least 1 token and the last are no larger than the first, got"
              + " "
              + largestTokens
              + " and "
              + smallestTokens);
    }
  }

  /** Chunks of one size. */
  public static ChunkSchedule equal(int tokens) {
    return new ChunkSchedule(tokens, tokens);
  }

  /** The same with no chunk of more than {@code most} tokens. */
  public ChunkSchedule within(int most) {
    return largestTokens <= most ? this : new ChunkSchedule(most, Math.min(smallestTokens, most));
  }

  /**
   * Tokens of the next chunk: half of what remains, in whole grains of 16 tokens, but no more than
   * the largest and no less than the smallest; what remains goes as a whole when half of it would
   * be less than the smallest.
   *
   * @param remainingTokens tokens that are not in a chunk yet, at least 1
   */
  public int next(int remainingTokens) {
    if (remainingTokens <= largestTokens && remainingTokens / 2 < smallestTokens) {
      return remainingTokens;
    }
    int half = (remainingTokens / 2 + GRAIN - 1) / GRAIN * GRAIN;
    return Math.min(remainingTokens, Math.clamp(half, smallestTokens, largestTokens));
  }

  /**
   * All chunks of a prompt, in order.
   *
   * @param promptTokens tokens of the prompt; none for 0
   */
  public int[] cut(int promptTokens) {
    int[] tokens = new int[8];
    int count = 0;
    for (int left = promptTokens; left > 0; left -= tokens[count++]) {
      if (count == tokens.length) {
        tokens = Arrays.copyOf(tokens, 2 * count);
      }
      tokens[count] = next(left);
    }
    return Arrays.copyOf(tokens, count);
  }
}
