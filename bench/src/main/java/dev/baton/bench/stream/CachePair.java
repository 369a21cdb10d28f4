package dev.baton.bench.stream;

import dev.baton.bench.report.WrongResult;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.RowDigest;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** A cache full of seeded random KV and an empty one of the same geometry. One thread. */
final class CachePair implements AutoCloseable {
  private static final long SEED = 17;

  private final Shape shape;
  private final KvPool from;
  private final KvPool to;
  private final KvSequence source;
  private @Nullable KvSequence destination;

  CachePair(Shape shape, Kernels kernels) {
    this.shape = shape;
    int blocks = KvPool.blocksFor(shape.tokens());
    this.from = new KvPool(shape.geometry(), blocks);
    this.to = new KvPool(shape.geometry(), blocks);
    this.source = Objects.requireNonNull(from.reserve(shape.tokens()));
    fill(kernels);
  }

  private void fill(Kernels kernels) {
    SplittableRandom random = new SplittableRandom(SEED);
    int run = KvGeometry.BLOCK_TOKENS;
    byte[] bytes = new byte[run * shape.geometry().tokenBytes()];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment wire = arena.allocate(bytes.length, 64);
      for (int layer = 0; layer < shape.geometry().layers(); layer++) {
        for (int first = 0; first < shape.tokens(); first += run) {
          random.nextBytes(bytes);
          MemorySegment.copy(bytes, 0, wire, ValueLayout.JAVA_BYTE, 0, bytes.length);
          int tokens = Math.min(run, shape.tokens() - first);
          long digest =
              RowDigest.ofSlice(layer, first, tokens, shape.geometry().tokenBytes() / 2, wire, 0);
          kernels.importKv(source.view(), layer, first, tokens, KvWireType.F16, wire, 0, digest);
        }
      }
    }
  }

  /** The memory of the full one. */
  MemorySegment from() {
    return source.view().pool();
  }

  /** The memory of the empty one. */
  MemorySegment to() {
    return Objects.requireNonNull(destination).view().pool();
  }

  KvSequence source() {
    return source;
  }

  /** The destination, all zero again. */
  KvSequence clearedDestination() {
    if (destination != null) {
      destination.close();
    }
    destination = Objects.requireNonNull(to.reserve(shape.tokens()));
    to().fill((byte) 0);
    return destination;
  }

  /**
   * Compares the caches' memory, bit for bit; both took their blocks in order.
   *
   * @throws WrongResult when they differ
   */
  void requireEqual() {
    MemorySegment sent = source.view().pool();
    MemorySegment stored = Objects.requireNonNull(destination).view().pool();
    long at = sent.mismatch(stored);
    if (at >= 0) {
      long block = at / shape.geometry().blockBytes();
      long layer = at % shape.geometry().blockBytes() / shape.geometry().layerBytes();
      throw new WrongResult(
          "the destination cache differs from the source: layer "
              + layer
              + ", tokens from "
              + block * KvGeometry.BLOCK_TOKENS
              + " on");
    }
  }

  @Override
  public void close() {
    from.close();
    to.close();
  }
}
