package dev.baton.gguf;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

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

  /** What ggml calls the numbers from 0 on, read here or not. */
  private static final String[] GGML_NAMES = {
    "F32",
    "F16",
    "Q4_0",
    "Q4_1",
    "Q4_2",
    "Q4_3",
    "Q5_0",
    "Q5_1",
    "Q8_0",
    "Q8_1",
    "Q2_K",
    "Q3_K",
    "Q4_K",
    "Q5_K",
    "Q6_K",
    "Q8_K",
    "IQ2_XXS",
    "IQ2_XS",
    "IQ3_XXS",
    "IQ1_S",
    "IQ4_NL",
    "IQ3_S",
    "IQ2_S",
    "IQ4_XS",
    "I8",
    "I16",
    "I32",
    "I64",
    "F64",
    "IQ1_M",
    "BF16",
    "Q4_0_4_4",
    "Q4_0_4_8",
    "Q4_0_8_8",
    "TQ1_0",
    "TQ2_0",
    "IQ4_NL_4_4",
    "IQ4_NL_4_8",
    "IQ4_NL_8_8",
    "MXFP4",
    "NVFP4",
    "Q1_0"
  };

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

  /** The type with number {@code id}, or empty where Baton does not read it. */
  public static Optional<GgmlType> ofId(int id) {
    return Arrays.stream(values()).filter(type -> type.id == id).findFirst();
  }

  /**
   * What ggml calls type number {@code id}, whether Baton reads it or not: {@code "IQ4_XS"}, {@code
   * "number 99"}.
   */
  public static String nameOf(int id) {
    return id >= 0 && id < GGML_NAMES.length
        ? GGML_NAMES[id]
        : "number " + Integer.toUnsignedString(id);
  }

  /** The types that Baton reads, for messages: {@code "F32, F16, Q4_0, ..."}. */
  public static String readable() {
    return Arrays.stream(values()).map(Enum::name).collect(Collectors.joining(", "));
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
          "a row of "
              + elements
              + " is no whole number of "
              + this
              + " blocks of "
              + blockElements);
    }
    return elements / blockElements * blockBytes;
  }
}
