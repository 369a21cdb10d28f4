package dev.baton.bench.model;

import dev.baton.arch.TensorNames.Role;
import dev.baton.gguf.GgmlType;

/**
 * Which type each matrix has, as llama.cpp's quantiser chooses it without an importance matrix. The
 * constants' names are the command line's.
 */
enum ModelQuant {
  f16(1, GgmlType.F16),
  q4_0(2, GgmlType.Q4_0),
  q8_0(7, GgmlType.Q8_0),
  q4_k_m(15, GgmlType.Q4_K);

  private final int fileType;
  private final GgmlType most;

  ModelQuant(int fileType, GgmlType most) {
    this.fileType = fileType;
    this.most = most;
  }

  /** GGUF's {@code general.file_type}. */
  int fileType() {
    return fileType;
  }

  /** A matrix of a layer. */
  GgmlType ofLayer(Role matrix, int layer, int layers) {
    boolean valued = matrix == Role.V || matrix == Role.DOWN;
    return this == q4_k_m && valued && wantsMoreBits(layer, layers) ? GgmlType.Q6_K : most;
  }

  /** The output matrix, and the embedding where that serves as one. */
  GgmlType ofOutput() {
    return this == q4_0 || this == q4_k_m ? GgmlType.Q6_K : most;
  }

  /** The embedding that is no output matrix. */
  GgmlType ofEmbedding() {
    return most;
  }

  /** The first and the last eighth of the layers, and every third between. */
  private static boolean wantsMoreBits(int layer, int layers) {
    int eighth = layers / 8;
    return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
  }
}
