package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import dev.baton.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.EnumSet;
import org.junit.jupiter.api.Test;

/** A decode step's operations leave the Java heap alone once they are warm. */
class KernelsAllocationTest {
  private static final int HEADS = 4;
  private static final int DIM = 64;
  private static final int COLS = HEADS * DIM;
  private static final KvWireType[] TYPES = KvWireType.values();
  private static final int WARM_UP_STEPS = 20_000;
  private static final int STEPS = 500;
  private static final int STRETCHES = 5;

  /** Buffers of one layer. */
  private static final class Layer {
    final KvView kv;
    final PackedMatrix w;
    final Activations x;
    final MemorySegment weight;
    final MemorySegment out;
    final MemorySegment wire;
    final RopeTable rope;
    final RowRuns rows;
    final AttentionLayer attention;

    Layer(Kernels kernels, Arena arena) {
      RandomTensors random = new RandomTensors(3, arena);
      kv = random.cache(new KvGeometry(1, HEADS, DIM), 64);
      w = kernels.pack(GgmlType.Q8_0, random.weights(GgmlType.Q8_0, COLS, COLS), COLS, COLS, arena);
      x = kernels.activations(1, COLS, EnumSet.allOf(ActivationKind.class), arena);
      weight = random.floats(COLS);
      out = random.floats(COLS);
      wire = arena.allocate(kv.geometry().tokenBytes());
      rope = new RopeTable(64, new double[DIM / 2], arena);
      rows = new RowRuns(1, arena);
      attention =
          new AttentionLayer(
              new AttentionShape(HEADS, HEADS, DIM, DIM, 0.1f), kv.geometry(), 0, arena);
    }

    void step(Kernels kernels) {
      kernels.rmsNorm(out, 0, weight, 1e-5f, 1, x);
      kernels.matmul(w, x, 1, out, false);
      rows.clear().add(kv, 0, 1, 5);
      kernels.rope(out, rows, HEADS, DIM, rope);
      kernels.storeKv(rows, attention, out, out);
      kernels.attention(rows, attention, out, x);
      kernels.swiglu(out, weight, 1, x);
      kernels.maxima(out, 1, COLS, weight);
      for (int i = 0; i < TYPES.length; i++) {
        kernels.exportKv(kv, 0, 5, 1, TYPES[i], wire, 0);
        int rowBytes = TYPES[i].tokenBytes(kv.geometry()) / 2;
        long digest = RowDigest.ofSlice(0, 6, 1, rowBytes, wire, 0);
        kernels.importKv(kv, 0, 6, 1, TYPES[i], wire, 0, digest);
      }
    }
  }

  private static long allocatedBytes(Kernels kernels, int warmUpSteps) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Arena arena = Arena.ofShared()) {
      Layer layer = new Layer(kernels, arena);
      for (int i = 0; i < warmUpSteps; i++) {
        layer.step(kernels);
      }
      // The JIT may still swap code under one stretch; what steps allocate is in all of them.
      long least = Long.MAX_VALUE;
      for (int stretch = 0; stretch < STRETCHES && least > 0; stretch++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < STEPS; i++) {
          layer.step(kernels);
        }
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      return least;
    }
  }

  @Test
  void shouldAllocateNothingInTheNativeKernels() {
    NativeKernels.whyMissing().ifPresent(reason -> assumeTrue(false, reason));
    try (Kernels kernels = NativeKernels.open(KernelsConfig.defaults())) {
      assertEquals(0, allocatedBytes(kernels, WARM_UP_STEPS));
    }
  }

  @Test
  void shouldAllocateNothingInTheReferenceKernels() {
    try (Kernels kernels = new ReferenceKernels()) {
      assertEquals(0, allocatedBytes(kernels, WARM_UP_STEPS / 10));
    }
  }
}
