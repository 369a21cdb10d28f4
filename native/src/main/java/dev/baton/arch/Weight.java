package dev.baton.arch;

import java.util.List;

/**
 * A tensor of a model as its shape wants it.
 *
 * @param name in the file
 * @param dims in ggml's order, the length of a row first: one for a vector, two for a matrix of
 *     (rows, cols) as {@code [cols, rows]}
 */
public record Weight(String name, List<Long> dims) {
  public Weight {
    dims = List.copyOf(dims);
    if (dims.isEmpty() || dims.size() > 2) {
      throw new IllegalArgumentException(name + ": a weight is a vector or a matrix");
    }
  }

  /** A vector. */
  public static Weight vector(String name, long length) {
    return new Weight(name, List.of(length));
  }

  /** A matrix that turns rows of {@code cols} values into such of {@code rows}. */
  public static Weight matrix(String name, long cols, long rows) {
    return new Weight(name, List.of(cols, rows));
  }

  public boolean isVector() {
    return dims.size() == 1;
  }

  /** Length of a row. */
  public int cols() {
    return Math.toIntExact(dims.getFirst());
  }

  /** Rows of a matrix, 1 of a vector. */
  public int rows() {
    return isVector() ? 1 : Math.toIntExact(dims.getLast());
  }
}
