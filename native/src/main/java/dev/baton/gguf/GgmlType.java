package dev.baton.gguf;

/**
 * A tensor's element type as GGUF numbers it, with the size of its quantisation block.
 *
 * <p>Source: the block layouts are ggml's ({@code ggml-common.h}); Baton reads those listed here.
 */
public enum GgmlType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q4_1(3, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q8_0(8, 32, 34),
  Q4_K(12, 256, 144),
  Q5_K(13, 256, 176),
  Q6_K(14, 256, 210),
  BF16(30, 1, 2);

  private final int id;
  private final int blockElements;
  private final int blockBytes;

  GgmlType(int id, int blockElements, int blockBytes) {
    this.id = id;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /** The number that stands for this type in a GGUF file. */
  public int id() {
    return id;
  }

  /** Elements in one quantisation block; 1 for plain float types. */
  public int blockElements() {
    return blockElements;
  }

  /** Bytes of one quantisation block. */
  public int blockBytes() {
    return blockBytes;
  }

  /** Bytes of a row of {@code elements} values, which must be a whole number of blocks. */
  public long rowBytes(long elements) {
    if (elements % blockElements != 0) {
      throw new IllegalArgumentException(
          "a row of " + elements + " is no whole number of " + this + " blocks of " + blockElements);
    }
    return elements / blockElements * blockBytes;
  }
}
