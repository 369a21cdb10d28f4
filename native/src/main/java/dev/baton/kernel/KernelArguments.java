package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.Set;

/**
 * The checks that stand before every operation of every backend: a shape that does not fit its
 * segment ends here, and C never sees it. Each is a handful of comparisons and allocates nothing
 * unless it throws.
 */
final class KernelArguments {
  private KernelArguments() {}

  /** Raw bytes hold {@code rows} rows of {@code type}. */
  static void checkPack(GgmlType type, MemorySegment raw, int rows, int cols) {
    if (rows < 1 || cols < 1 || raw.byteSize() < rows * type.rowBytes(cols)) {
      throw new IllegalArgumentException(
          "no "
              + type
              + " matrix of "
              + rows
              + " rows and "
              + cols
              + " columns in "
              + raw.byteSize()
              + " bytes");
    }
  }

  /** Rows of {@code cols} floats are whole blocks in each of {@code kinds}. */
  static void checkActivations(int maxTokens, int cols, Set<ActivationKind> kinds) {
    if (maxTokens < 1 || cols < 1) {
      throw new IllegalArgumentException(
          "no room for " + maxTokens + " rows of " + cols + " floats");
    }
    for (ActivationKind kind : kinds) {
      if (kind != ActivationKind.F32 && cols % ReferenceQuantizer.blockElements(kind) != 0) {
        throw new IllegalArgumentException(
            "rows of " + cols + " floats are no whole blocks of " + kind);
      }
    }
  }

  /** Activations have rows [first, first + tokens). */
  static void checkRows(Activations x, long first, int tokens) {
    if (tokens < 0 || first < 0 || first > x.maxTokens() - (long) tokens) {
      throw new IndexOutOfBoundsException(
          "rows " + first + " + " + tokens + " of activations with room for " + x.maxTokens());
    }
  }

  /** A tensor of rows of {@code cols} floats has rows [first, first + tokens). */
  static void checkRows(MemorySegment tensor, long cols, long first, int tokens) {
    if (tokens < 0 || first < 0 || first > tensor.byteSize() / (cols * Float.BYTES) - tokens) {
      throw new IndexOutOfBoundsException(
          "rows "
              + first
              + " + "
              + tokens
              + " of "
              + cols
              + " floats in "
              + tensor.byteSize()
              + " bytes");
    }
  }

  static void checkMatmul(PackedMatrix w, Activations x, int tokens, MemorySegment out) {
    if (x.cols() != w.cols()) {
      throw new IllegalArgumentException(
          "a matrix of " + w.cols() + " columns times rows of " + x.cols());
    }
    checkRows(x, 0, tokens);
    checkRows(out, w.rows(), 0, tokens);
  }

  static void checkRmsNorm(
      MemorySegment x, long xRow, MemorySegment weight, int tokens, Activations out) {
    checkRows(x, out.cols(), xRow, tokens);
    checkRows(weight, out.cols(), 0, 1);
    checkRows(out, 0, tokens);
  }

  static void checkRope(
      MemorySegment x,
      long row,
      int tokens,
      int heads,
      int headDim,
      RopeTable table,
      int firstPosition) {
    if (heads < 1 || headDim < 1 || table.pairs() > headDim / 2) {
      throw new IllegalArgumentException(
          "cannot rotate " + table.pairs() + " pairs of " + heads + " heads of " + headDim);
    }
    if (firstPosition < 0 || firstPosition > table.positions() - tokens) {
      throw new IndexOutOfBoundsException(
          "positions "
              + firstPosition
              + " + "
              + tokens
              + " of a rope table of "
              + table.positions());
    }
    checkRows(x, (long) heads * headDim, row, tokens);
  }

  /** The layer exists and the blocks of tokens [from, to) stand in the table and in the pool. */
  static void checkKv(KvView kv, int layer, int from, int tokens) {
    KvGeometry geometry = kv.geometry();
    Objects.checkIndex(layer, geometry.layers());
    if (from < 0 || tokens < 0 || from > Integer.MAX_VALUE - tokens) {
      throw new IndexOutOfBoundsException("tokens " + from + " + " + tokens + " of a KV cache");
    }
    long blocks = kv.pool().byteSize() / geometry.blockBytes();
    for (int i = from / KvGeometry.BLOCK_TOKENS;
        (long) i * KvGeometry.BLOCK_TOKENS < from + tokens;
        i++) {
      Objects.checkIndex((long) kv.blockTable().getAtIndex(ValueLayout.JAVA_INT, i), blocks);
    }
  }

  static void checkStoreKv(
      KvView kv,
      int layer,
      MemorySegment k,
      MemorySegment v,
      long row,
      int firstToken,
      int tokens) {
    long cols = (long) kv.geometry().kvHeads() * kv.geometry().headDim();
    checkRows(k, cols, row, tokens);
    checkRows(v, cols, row, tokens);
    checkKv(kv, layer, firstToken, tokens);
  }

  static void checkAttention(
      KvView kv,
      int layer,
      MemorySegment q,
      int heads,
      long row,
      int firstToken,
      int tokens,
      Activations out) {
    KvGeometry geometry = kv.geometry();
    if (heads < 1
        || heads % geometry.kvHeads() != 0
        || out.cols() != (long) heads * geometry.headDim()) {
      throw new IllegalArgumentException(
          heads
              + " query heads over "
              + geometry.kvHeads()
              + " KV heads of "
              + geometry.headDim()
              + " do not make rows of "
              + out.cols());
    }
    checkRows(q, out.cols(), row, tokens);
    checkRows(out, row, tokens);
    if (firstToken < 0 || firstToken > Integer.MAX_VALUE - tokens) {
      throw new IndexOutOfBoundsException("queries " + firstToken + " + " + tokens);
    }
    checkKv(kv, layer, 0, tokens == 0 ? 0 : firstToken + tokens);
  }

  static void checkSwiglu(MemorySegment gate, MemorySegment up, int tokens, Activations out) {
    checkRows(gate, out.cols(), 0, tokens);
    checkRows(up, out.cols(), 0, tokens);
    checkRows(out, 0, tokens);
  }

  static void checkCopyKv(
      KvView kv,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment wire,
      long offset) {
    checkKv(kv, layer, firstToken, tokens);
    long bytes = (long) tokens * type.tokenBytes(kv.geometry());
    Objects.checkFromIndexSize(offset, bytes, wire.byteSize());
  }
}
