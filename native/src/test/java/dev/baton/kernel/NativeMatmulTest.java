package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The C matrix products of every level and thread count against the reference, bit for bit. */
class NativeMatmulTest {
  private static final long SEED = 20260731;

  private static final int[] ROWS = {1, 31, 32, 33, 100};
  private static final int[] TOKENS = {0, 1, 2, 3, 4, 5, 6, 7, 29, 33};

  private static final int RANDOM_SHAPES = 6;

  private static final Kernels REFERENCE = new ReferenceKernels();
  private static final List<Kernels> NATIVE = new ArrayList<>();

  @BeforeAll
  static void openEveryLevel() {
    assumeTrue(
        NativeKernels.whyMissing().isEmpty(), () -> NativeKernels.whyMissing().orElseThrow());
    for (String level : NativeKernels.levels()) {
      NATIVE.add(NativeKernels.open(new KernelsConfig(1, false, level)));
      NATIVE.add(NativeKernels.open(new KernelsConfig(2, true, level)));
    }
  }

  @AfterAll
  static void close() {
    NATIVE.forEach(Kernels::close);
    NATIVE.clear();
  }

  /** One matrix and the rows it is multiplied with. */
  private record Case(
      GgmlType type,
      int rows,
      int cols,
      MemorySegment weights,
      MemorySegment x,
      MemorySegment out) {
    MemorySegment product(Kernels kernels, int tokens, boolean accumulate, Arena arena) {
      PackedMatrix w = kernels.pack(type, weights, rows, cols, arena);
      Activations a =
          kernels.activations(Math.max(1, tokens), cols, Set.of(ActivationKind.of(type)), arena);
      MemorySegment.copy(x, 0, a.f32(), 0, (long) tokens * cols * Float.BYTES);
      kernels.quantize(a, tokens);
      MemorySegment product = arena.allocate(out.byteSize(), 64).copyFrom(out);
      kernels.matmul(w, a, tokens, product, accumulate);
      return product;
    }

    void check(int tokens, boolean accumulate, Arena arena) {
      MemorySegment expected = product(REFERENCE, tokens, accumulate, arena);
      for (Kernels kernels : NATIVE) {
        MemorySegment actual = product(kernels, tokens, accumulate, arena);
        long at = expected.mismatch(actual);
        if (at >= 0) {
          long i = at / Float.BYTES;
          assertEquals(
              expected.getAtIndex(ValueLayout.JAVA_FLOAT, i),
              actual.getAtIndex(ValueLayout.JAVA_FLOAT, i),
              "seed "
                  + SEED
                  + ", "
                  + kernels.description()
                  + ": "
                  + type
                  + " ("
                  + rows
                  + ", "
                  + cols
                  + ") times "
                  + tokens
                  + " tokens, token "
                  + i / rows
                  + ", row "
                  + i % rows
                  + ", accumulate "
                  + accumulate);
        }
      }
    }
  }

  private static Case randomCase(
      GgmlType type, int rows, int cols, int tokens, long seed, Arena arena) {
    RandomTensors random = new RandomTensors(seed, arena);
    return new Case(
        type,
        rows,
        cols,
        random.weights(type, rows, cols),
        random.floats(Math.max(1L, (long) tokens * cols)),
        random.floats((long) rows * (tokens + 1)));
  }

  @ParameterizedTest
  @EnumSource
  void shouldMultiplyToTheReferencesBitsAtEveryLevelAndThreadCount(GgmlType type) {
    for (int rows : ROWS) {
      for (int blocks : new int[] {1, 3}) {
        for (int tokens : TOKENS) {
          try (Arena arena = Arena.ofConfined()) {
            int cols = blocks * type.blockElements();
            long seed = SEED + 1000L * rows + 100L * blocks + tokens;
            randomCase(type, rows, cols, tokens, seed, arena)
                .check(tokens, (rows + tokens) % 2 == 1, arena);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void shouldMultiplyManyPanelsAndManyBlocks(GgmlType type) {
    try (Arena arena = Arena.ofConfined()) {
      randomCase(type, 300, 5 * 256, 3, SEED, arena).check(3, true, arena);
    }
  }

  /** More tokens than go through a panel together, and more columns than are unpacked together. */
  @ParameterizedTest
  @EnumSource
  void shouldMultiplyLongPrompts(GgmlType type) {
    try (Arena arena = Arena.ofConfined()) {
      randomCase(type, 33, 3 * 256, 247, SEED, arena).check(247, true, arena);
    }
  }

  @ParameterizedTest
  @EnumSource
  void shouldMultiplyShapesDrawnAtRandom(GgmlType type) {
    SplittableRandom random = new SplittableRandom(SEED + type.id());
    for (int i = 0; i < RANDOM_SHAPES; i++) {
      int rows = random.nextInt(1, 150);
      int blocks = random.nextInt(1, 1 + 1100 / type.blockElements());
      int tokens = random.nextInt(1, 80);
      try (Arena arena = Arena.ofConfined()) {
        randomCase(type, rows, blocks * type.blockElements(), tokens, random.nextLong(), arena)
            .check(tokens, random.nextBoolean(), arena);
      }
    }
  }

  /**
   * Every weight at the end of its range and every activation at its own: sums are the largest
   * there are.
   */
  @ParameterizedTest
  @EnumSource
  void shouldNotOverflowOnExtremeWeightsAndActivations(GgmlType type) {
    int cols = 2 * 256;
    int tokens = 33;
    for (int pattern : new int[] {0x00, 0xff, 0x80, 0x7f, 0x0f, 0xf0}) {
      for (float value : new float[] {1f, -1f, 0f, -0f, 0x1p-126f, 0x1p-100f, 1e30f}) {
        try (Arena arena = Arena.ofConfined()) {
          RandomTensors random = new RandomTensors(SEED, arena);
          MemorySegment weights = random.weights(type, 33, cols);
          MemorySegment x = arena.allocate((long) tokens * cols * Float.BYTES, 64);
          for (int i = 0; i < tokens * cols; i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
          }
          fillQuants(type, weights, (byte) pattern);
          new Case(type, 33, cols, weights, x, random.floats(33L * tokens))
              .check(tokens, false, arena);
        }
      }
    }
  }

  /** Overwrites all bytes of each block but its floats. */
  private static void fillQuants(GgmlType type, MemorySegment weights, byte pattern) {
    int from =
        switch (type) {
          case F32, F16, BF16 -> type.blockBytes();
          case Q4_0, Q5_0, Q8_0 -> 2;
          case Q4_1, Q5_1, Q4_K, Q5_K -> 4;
          case Q6_K -> 0;
        };
    int to = type == GgmlType.Q6_K ? 208 : type.blockBytes();
    for (long block = 0; block < weights.byteSize(); block += type.blockBytes()) {
      weights.asSlice(block + from, to - from).fill(pattern);
    }
  }

  @Test
  void shouldRefuseWhatAnotherBackendPacked() {
    try (Arena arena = Arena.ofConfined()) {
      Kernels kernels = NATIVE.getFirst();
      RandomTensors random = new RandomTensors(SEED, arena);
      MemorySegment raw = random.weights(GgmlType.Q8_0, 33, 32);
      MemorySegment out = random.floats(33);
      Set<ActivationKind> kinds = Set.of(ActivationKind.Q8_32);
      Activations own = kernels.activations(1, 32, kinds, arena);
      Activations others = REFERENCE.activations(1, 32, kinds, arena);
      PackedMatrix ownMatrix = kernels.pack(GgmlType.Q8_0, raw, 33, 32, arena);
      PackedMatrix othersMatrix = REFERENCE.pack(GgmlType.Q8_0, raw, 33, 32, arena);

      assertThrows(
          IllegalArgumentException.class, () -> kernels.matmul(othersMatrix, own, 1, out, false));
      assertThrows(
          IllegalArgumentException.class, () -> kernels.matmul(ownMatrix, others, 1, out, false));
    }
  }
}
