package dev.baton.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.LlamaSizes;
import dev.baton.arch.RandomModel;
import dev.baton.gguf.GgmlType;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.NativeKernels;
import dev.baton.kernel.ReferenceKernels;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What stands in slots that no token of the sequence was written to changes no bit: not of a chunk,
 * not of a decode step, at no level of the kernels. So a pool need not wipe its blocks.
 */
class UnwrittenSlotsTest {
  /** Halves: two that are no numbers, an infinity, the largest. */
  private static final short[] LEFT = {0x7e01, (short) 0xffff, (short) 0xfc00, 0x7bff};

  private static final int VOCAB = 64;

  /** Of the prompt; two more rows follow one at a time. */
  private static final int[] LENGTHS = {1, 13, 63, 64, 130};

  @TempDir Path folder;

  static Stream<String> levels() {
    return Stream.concat(NativeKernels.levels().stream(), Stream.of("java"));
  }

  private static Kernels open(String isa) {
    return isa.equals("java")
        ? new ReferenceKernels()
        : NativeKernels.open(new KernelsConfig(2, false, isa));
  }

  /** Heads whose tiles are widened once for many rows, that are too wide for it, and odd ones. */
  private static List<LlamaSizes> shapes() {
    return List.of(
        new LlamaSizes(2, 32, 32, 4, 2, 64, VOCAB, 256, 1e-5f, 10_000, 64, 1),
        new LlamaSizes(2, 32, 32, 6, 1, 128, VOCAB, 256, 1e-5f, 10_000, 128, 1),
        new LlamaSizes(1, 32, 32, 3, 3, 18, VOCAB, 256, 1e-5f, 10_000, 18, 1));
  }

  @ParameterizedTest
  @MethodSource("levels")
  void shouldGiveTheSameBitsWhateverUnwrittenSlotsHold(String isa) {
    try (Kernels kernels = open(isa)) {
      for (LlamaSizes sizes : shapes()) {
        Path file = folder.resolve(sizes.headDim() + ".gguf");
        RandomModel.of(sizes, GgmlType.F32, true, 7).write(file);
        try (CpuModel model = CpuModel.load(file, kernels, done -> {})) {
          for (int chunk : new int[] {130, 13, 1}) {
            List<int[]> clean = run(model, chunk, (short) 0);
            for (short left : LEFT) {
              List<int[]> found = run(model, chunk, left);
              for (int i = 0; i < clean.size(); i++) {
                String where =
                    sizes.headDim() + " wide, chunks of " + chunk + ", the state of length " + i;
                assertArrayEquals(clean.get(i), found.get(i), where);
              }
            }
          }
        }
      }
    }
  }

  /** Bits of logits and of KV, at each length. */
  private static List<int[]> run(CpuModel model, int chunk, short left) {
    List<int[]> bits = new ArrayList<>();
    for (int length : LENGTHS) {
      try (KvPool pool = new KvPool(model.kvGeometry(), 4);
          KvSequence other = Objects.requireNonNull(pool.reserve(1));
          KvSequence sequence = Objects.requireNonNull(pool.reserve(length + 2));
          CpuPass pass = new CpuPass(model, chunk)) {
        fill(other.view().pool(), left);
        int[] tokens = new int[length + 2];
        Arrays.setAll(tokens, i -> (i * 31 + 5) % VOCAB);
        TokenBatch batch = new TokenBatch(chunk);
        int position = 0;
        while (position < length) {
          int count = Math.min(chunk, length - position);
          bits.add(rows(pass, batch.clear().add(sequence, tokens, position, count, position)));
          position += count;
        }
        for (; position < length + 2; position++) {
          bits.add(rows(pass, batch.clear().add(sequence, tokens, position, 1, position)));
        }
        for (int layer = 0; layer < model.shape().layers(); layer++) {
          bits.add(state(model, sequence, layer, length + 2));
        }
      }
    }
    return bits;
  }

  private static void fill(MemorySegment memory, short bits) {
    short[] halves = new short[(int) (memory.byteSize() / Short.BYTES)];
    Arrays.fill(halves, bits);
    memory.copyFrom(MemorySegment.ofArray(halves));
  }

  private static int[] rows(CpuPass pass, TokenBatch batch) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment logits = arena.allocate(4L * batch.rows() * VOCAB, 64);
      pass.embed(batch);
      pass.layers(batch, 0, pass.model().shape().layers());
      pass.logits(0, batch.rows(), logits);
      float[] values = logits.toArray(ValueLayout.JAVA_FLOAT);
      for (float value : values) {
        assertTrue(Float.isFinite(value));
      }
      return logits.toArray(ValueLayout.JAVA_INT);
    }
  }

  private static int[] state(CpuModel model, KvSequence sequence, int layer, int tokens) {
    try (Arena arena = Arena.ofConfined()) {
      long bytes = (long) tokens * KvWireType.F16.tokenBytes(model.kvGeometry());
      MemorySegment slice = arena.allocate(bytes, 64);
      long digest = model.exportKv(sequence, layer, 0, tokens, KvWireType.F16, slice, 0);
      return new int[] {(int) digest, (int) (digest >>> 32)};
    }
  }
}
