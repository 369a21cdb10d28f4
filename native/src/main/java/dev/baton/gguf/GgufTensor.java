package dev.baton.gguf;

import java.util.Arrays;

/**
 * One entry of a GGUF file's tensor table.
 *
 * @param name its name in the file
 * @param type its element type
 * @param dims one to four positive sizes in ggml's order: {@code dims[0]} is the length of a row
 * @param offset the byte of the file at which its data starts
 * @param byteSize bytes of its data
 */
public record GgufTensor(String name, GgmlType type, long[] dims, long offset, long byteSize) {
  public GgufTensor {
    dims = dims.clone();
    if (dims.length < 1 || dims.length > 4 || Arrays.stream(dims).anyMatch(d -> d < 1)) {
      throw new IllegalArgumentException(
          "a tensor has 1 to 4 positive dimensions, got " + Arrays.toString(dims));
    }
  }

  @Override
  public long[] dims() {
    return dims.clone();
  }

  /** Elements in a row: the input features of a weight matrix. */
  public long cols() {
    return dims[0];
  }

  /** Rows, over all dimensions but the first: the output features of a weight matrix. */
  public long rows() {
    long rows = 1;
    for (int i = 1; i < dims.length; i++) {
      rows *= dims[i];
    }
    return rows;
  }

  /** The shape for messages, in ggml's order: {@code "[256, 2048]"}. */
  public String shape() {
    return Arrays.toString(dims);
  }
}
