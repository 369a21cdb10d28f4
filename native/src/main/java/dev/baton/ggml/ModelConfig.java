package dev.baton.ggml;

import dev.baton.arch.Attention;
import dev.baton.arch.Ffn;
import dev.baton.arch.ModelShape;

/** The sizes of a model whose layers are alike. */
record ModelConfig(ModelShape shape, Attention attention, Ffn.Dense ffnPart) {
  static ModelConfig of(ModelShape shape) {
    Attention attention =
        switch (shape.block(0).mixer()) {
          case Attention of -> of;
        };
    Ffn.Dense dense =
        switch (shape.block(0).ffn()) {
          case Ffn.Dense of -> of;
        };
    return new ModelConfig(shape, attention, dense);
  }

  int layers() {
    return shape.layers();
  }

  int dim() {
    return shape.dim();
  }

  int vocab() {
    return shape.vocab();
  }

  int contextLength() {
    return shape.context();
  }

  int heads() {
    return attention.heads();
  }

  int kvHeads() {
    return attention.kvHeads();
  }

  int headDim() {
    return attention.headDim();
  }

  float rmsEps() {
    return shape.outputNorm().eps();
  }

  int ropeDim() {
    return attention.rope().dims();
  }

  double ropeBase() {
    return attention.rope().base();
  }

  double ropeScale() {
    return attention.rope().stretch();
  }
}
