package dev.baton.kvstream;

import java.util.List;

/**
 * The tokens of an order, and all else that its state depends on.
 *
 * @param tokens the whole prompt, from position 0; not to be changed after the call
 * @param firstToken what is before it is there already and does not travel
 * @param given runs of tokens whose embedding rows are given: images
 * @param positions three for each token, or none where a token's position is its place
 * @param salt keeps what is cached of it apart from others'; may be empty
 * @param adapter hash of the adapter that the model runs with, or empty
 */
public record Prompt(
    int[] tokens, int firstToken, List<Given> given, int[] positions, byte[] salt, String adapter) {
  private static final int HASH_BYTES = 32;
  private static final int POSITION_PARTS = 3;

  /** Runs of given rows in one prompt, at most. */
  public static final int MOST_RUNS = 4096;

  /** Bytes of a salt, at most. */
  public static final int MOST_SALT = 1024;

  /**
   * Tokens [firstToken, firstToken + tokens) whose embedding rows are given.
   *
   * @param hash SHA-256 of the rows: who has them need not ask for them
   */
  public record Given(int firstToken, int tokens, byte[] hash) {
    public Given {
      if (hash.length != HASH_BYTES) {
        throw new IllegalArgumentException("a hash of " + hash.length + " bytes");
      }
    }
  }

  public Prompt {
    given = List.copyOf(given);
    if (tokens.length < 1 || firstToken < 0 || firstToken >= tokens.length) {
      throw new IllegalArgumentException(
          "an order needs tokens, got [" + firstToken + ", " + tokens.length + ")");
    }
    if (positions.length != 0 && positions.length != (long) POSITION_PARTS * tokens.length) {
      throw new IllegalArgumentException(
          positions.length + " numbers for the positions of " + tokens.length + " tokens");
    }
    if (salt.length > MOST_SALT || given.size() > MOST_RUNS) {
      throw new IllegalArgumentException(
          "a salt of " + salt.length + " bytes and " + given.size() + " runs of given rows");
    }
    int end = 0;
    for (Given run : given) {
      if (run.firstToken < end || run.tokens < 1 || run.tokens > tokens.length - run.firstToken) {
        throw new IllegalArgumentException(
            "given rows that are not in order, or not of the prompt");
      }
      end = run.firstToken + run.tokens;
    }
  }

  /** Plain text. */
  public Prompt(int[] tokens, int firstToken) {
    this(tokens, firstToken, List.of(), new int[0], new byte[0], "");
  }
}
