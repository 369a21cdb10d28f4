package dev.baton.arch;

import java.util.List;

/**
 * One thing that later tokens need of a layer. A layer has a list of them: latent rows and the rows
 * of an indexer, a recurrent state and the last inputs of a convolution.
 */
public sealed interface LayerState {
  /**
   * What one token adds of a kind, K or V for instance.
   *
   * @param bytes as it is computed with
   * @param lossyBytes in the lossy form of the wire, 8 bits and a scale; as many as {@code bytes}
   *     where it has none and always travels as it is
   */
  record Part(int bytes, int lossyBytes) {
    /** Values of a run in the lossy form. */
    public static final int LOSSY_RUN_VALUES = 32;

    /** Bytes of a run in the lossy form: a scale in half precision and a byte for each value. */
    public static final int LOSSY_RUN_BYTES = Short.BYTES + LOSSY_RUN_VALUES;

    public Part {
      if (bytes < 1 || lossyBytes < 1 || lossyBytes > bytes) {
        throw new IllegalArgumentException(
            "a part of a row has bytes, and no more of them in a lossy form, got "
                + bytes
                + " and "
                + lossyBytes);
      }
    }

    /**
     * K or V of one token: heads of half-precision values, of which runs of {@value
     * #LOSSY_RUN_VALUES} have a lossy form.
     *
     * @param values of all heads
     * @param headDim values of one head
     */
    public static Part ofHalves(int values, int headDim) {
      int bytes = values * Short.BYTES;
      return new Part(
          bytes,
          headDim % LOSSY_RUN_VALUES == 0 ? values / LOSSY_RUN_VALUES * LOSSY_RUN_BYTES : bytes);
    }

    /** A part without a lossy form. */
    public static Part of(int bytes) {
      return new Part(bytes, bytes);
    }
  }

  /** States that are rows: one for each token, or each run of tokens, at its place. */
  sealed interface OfRows extends LayerState {
    /** One part or two. */
    List<Part> parts();
  }

  /** A row for every token. */
  record Rows(List<Part> parts) implements OfRows {
    public Rows {
      parts = requireParts(parts);
    }
  }

  /** A row for every token, of which only the last {@code tokens} before a position count. */
  record Window(int tokens, List<Part> parts) implements OfRows {
    public Window {
      parts = requireParts(parts);
      requirePositive("a window", tokens);
    }
  }

  /** One row for every token that stands for its K and V in all heads. */
  record Latent(Part row) implements OfRows {
    @Override
    public List<Part> parts() {
      return List.of(row);
    }
  }

  /**
   * A row for every {@code ratio} tokens: row k stands for tokens [k · ratio, (k + 1) · ratio) and
   * is there once the last of them is.
   */
  record Compressed(int ratio, List<Part> parts) implements OfRows {
    public Compressed {
      parts = requireParts(parts);
      requirePositive("a ratio", ratio);
    }
  }

  /** As many bytes after any number of tokens; each stands for one position and cannot be cut. */
  record Fixed(int bytes) implements LayerState {
    public Fixed {
      requirePositive("a state", bytes);
    }
  }

  /** What an earlier layer keeps: nothing of this layer's own. */
  record SharedWith(int layer) implements LayerState {
    public SharedWith {
      if (layer < 0) {
        throw new IllegalArgumentException("layers count from 0, got " + layer);
      }
    }
  }

  private static List<Part> requireParts(List<Part> parts) {
    if (parts.isEmpty() || parts.size() > 2) {
      throw new IllegalArgumentException("a row has one part or two, got " + parts.size());
    }
    return List.copyOf(parts);
  }

  private static void requirePositive(String what, int number) {
    if (number < 1) {
      throw new IllegalArgumentException(what + " is at least 1, got " + number);
    }
  }
}
