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

  static void checkRope(MemorySegment x, RowRuns rows, int heads, int headDim, RopeTable table) {
    if (heads < 1 || headDim < 1 || table.pairs() > headDim / 2) {
      throw new IllegalArgumentException(
          "cannot rotate " + table.pairs() + " pairs of " + heads + " heads of " + headDim);
    }
    if (rows.endPosition() > table.positions()) {
      throw new IndexOutOfBoundsException(
          "position " + (rows.endPosition() - 1) + " of a rope table of " + table.positions());
    }
    checkRows(x, (long) heads * headDim, rows.firstRow(), rows.rows());
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

  /** The blocks that {@code rows} has checked are laid out as the layer says. */
  private static void checkKv(RowRuns rows, AttentionLayer layer) {
    if (rows.count() > 0 && !rows.view(0).geometry().equals(layer.geometry())) {
      throw new IllegalArgumentException(
          "a layer of " + layer.geometry() + " and KV of " + rows.view(0).geometry());
    }
  }

  static void checkStoreKv(RowRuns rows, AttentionLayer layer, MemorySegment k, MemorySegment v) {
    AttentionShape shape = layer.shape();
    checkRows(k, (long) shape.kvHeads() * shape.keyDim(), rows.firstRow(), rows.rows());
    checkRows(v, (long) shape.kvHeads() * shape.valueDim(), rows.firstRow(), rows.rows());
    checkKv(rows, layer);
  }

  static void checkAttention(RowRuns rows, AttentionLayer layer, MemorySegment q, Activations out) {
    AttentionShape shape = layer.shape();
    if (out.cols() != (long) shape.heads() * shape.valueDim()) {
      throw new IllegalArgumentException(
          shape.heads() + " heads of " + shape.valueDim() + " do not make rows of " + out.cols());
    }
    checkRows(q, (long) shape.heads() * shape.keyDim(), rows.firstRow(), rows.rows());
    checkRows(out, rows.firstRow(), rows.rows());
    checkKv(rows, layer);
  }

  static void checkSwiglu(MemorySegment gate, MemorySegment up, int tokens, Activations out) {
    checkRows(gate, out.cols(), 0, tokens);
    checkRows(up, out.cols(), 0, tokens);
    checkRows(out, 0, tokens);
  }

  static void checkMaxima(MemorySegment x, int rows, int cols, MemorySegment out) {
    if (cols < 1) {
      throw new IllegalArgumentException("rows of " + cols + " values have no greatest");
    }
    checkRows(x, cols, 0, rows);
    checkRows(out, Kernels.maximaOf(cols), 0, rows);
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
