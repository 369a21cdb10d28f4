package dev.baton.kvstream;

import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.RowDigest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A KV store in the wire's own order, filled with numbers that tell seed, layer, token and place;
 * source and sink.
 */
final class PatternKv implements KvSource, KvSink {
  private final KvGeometry geometry;
  private final int tokens;
  private final MemorySegment rows;

  /** An empty store. */
  PatternKv(KvGeometry geometry, int tokens) {
    this.geometry = geometry;
    this.tokens = tokens;
    this.rows =
        Arena.ofAuto().allocate((long) geometry.layers() * tokens * geometry.tokenBytes(), 64);
  }

  static PatternKv filled(KvGeometry geometry, int tokens, long seed) {
    PatternKv kv = new PatternKv(geometry, tokens);
    for (long at = 0; at < kv.rows.byteSize(); at += Short.BYTES) {
      kv.rows.set(
          ValueLayout.JAVA_SHORT, at, (short) (((at / 2 + seed) * 0x9E3779B97F4A7C15L) >>> 40));
    }
    return kv;
  }

  // Per (layer, token): the K row and then the V row.
  private long at(int layer, int token) {
    return ((long) layer * tokens + token) * geometry.tokenBytes();
  }

  @Override
  public long exportSlice(int layer, int firstToken, int count, MemorySegment dst, long dstOffset) {
    int row = geometry.tokenBytes() / 2;
    for (int i = 0; i < count; i++) {
      long from = at(layer, firstToken + i);
      MemorySegment.copy(rows, from, dst, dstOffset + (long) i * row, row);
      MemorySegment.copy(rows, from + row, dst, dstOffset + (long) (count + i) * row, row);
    }
    return RowDigest.ofSlice(layer, firstToken, count, row, dst, dstOffset);
  }

  @Override
  public boolean importSlice(
      int layer, int firstToken, int count, MemorySegment src, long srcOffset, long digest) {
    int row = geometry.tokenBytes() / 2;
    if (RowDigest.ofSlice(layer, firstToken, count, row, src, srcOffset) != digest) {
      return false;
    }
    for (int i = 0; i < count; i++) {
      long to = at(layer, firstToken + i);
      MemorySegment.copy(src, srcOffset + (long) i * row, rows, to, row);
      MemorySegment.copy(src, srcOffset + (long) (count + i) * row, rows, to + row, row);
    }
    return true;
  }

  /** True when both hold the same in layers [0, layers) of tokens [firstToken, end). */
  boolean equals(PatternKv other, int layers, int firstToken, int end) {
    for (int layer = 0; layer < layers; layer++) {
      long from = at(layer, firstToken);
      long to = at(layer, end - 1) + geometry.tokenBytes();
      if (MemorySegment.mismatch(rows, from, to, other.rows, from, to) >= 0) {
        return false;
      }
    }
    return true;
  }

  /** True when nothing was written in these rows. */
  boolean isEmpty(int layer, int firstToken, int end) {
    for (long at = at(layer, firstToken); at < at(layer, end - 1) + geometry.tokenBytes(); at++) {
      if (rows.get(ValueLayout.JAVA_BYTE, at) != 0) {
        return false;
      }
    }
    return true;
  }
}
