package dev.baton.ggml;

import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.RowDigest;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * KV on its way between a device and the lossy wire form {@link KvWireType#Q8}, which Baton's
 * kernels know from and to a cache in host memory: it goes through one.
 */
record LossyKv(Kernels kernels, KvGeometry geometry) {
  /** The wire's bytes of a slice, whose digest covers where it belongs. */
  long export(
      GgmlKv kv,
      KvSequence sequence,
      int layer,
      int firstToken,
      int tokens,
      MemorySegment dst,
      long at) {
    int rowBytes = KvWireType.Q8.tokenBytes(geometry) / 2;
    try (Arena arena = Arena.ofConfined();
        KvPool cache = between(tokens);
        KvSequence host = Objects.requireNonNull(cache.reserve(tokens))) {
      MemorySegment halves = halves(arena, tokens);
      long _ = kv.export(sequence, layer, firstToken, tokens, halves, 0);
      move(host, tokens, KvWireType.F16, halves, 0);
      long _ = kernels.exportKv(host.view(), 0, 0, tokens, KvWireType.Q8, dst, at);
    }
    return RowDigest.ofSlice(layer, firstToken, tokens, rowBytes, dst, at);
  }

  boolean take(
      GgmlKv kv,
      KvSequence sequence,
      int layer,
      int firstToken,
      int tokens,
      MemorySegment src,
      long at,
      long digest) {
    int rowBytes = KvWireType.Q8.tokenBytes(geometry) / 2;
    if (RowDigest.ofSlice(layer, firstToken, tokens, rowBytes, src, at) != digest) {
      return false;
    }
    try (Arena arena = Arena.ofConfined();
        KvPool cache = between(tokens);
        KvSequence host = Objects.requireNonNull(cache.reserve(tokens))) {
      move(host, tokens, KvWireType.Q8, src, at);
      MemorySegment halves = halves(arena, tokens);
      long _ = kernels.exportKv(host.view(), 0, 0, tokens, KvWireType.F16, halves, 0);
      long there =
          RowDigest.ofSlice(layer, firstToken, tokens, geometry.tokenBytes() / 2, halves, 0);
      return kv.take(sequence, layer, firstToken, tokens, halves, 0, there);
    }
  }

  private KvPool between(int tokens) {
    KvGeometry oneLayer = new KvGeometry(1, geometry.kvHeads(), geometry.headDim());
    return new KvPool(oneLayer, KvPool.blocksFor(tokens));
  }

  private MemorySegment halves(Arena arena, int tokens) {
    return arena.allocate((long) tokens * geometry.tokenBytes(), Long.BYTES);
  }

  /** Into the cache between, where every slice stands at its beginning. */
  private void move(KvSequence host, int tokens, KvWireType type, MemorySegment src, long at) {
    int rowBytes = type.tokenBytes(geometry) / 2;
    long digest = RowDigest.ofSlice(0, 0, tokens, rowBytes, src, at);
    if (!kernels.importKv(host.view(), 0, 0, tokens, type, src, at, digest)) {
      throw new IllegalStateException("the kernels disagree about a digest");
    }
  }
}
