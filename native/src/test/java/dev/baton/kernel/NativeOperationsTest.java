package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every operation but the matrix product: the C kernels' bits against the reference's, at each
 * level and thread count.
 */
class NativeOperationsTest {
  private static final Kernels REFERENCE = new ReferenceKernels();
  private static final int[] TOKENS = {1, 2, 5, 7, 64, 65};

  /** The reference's answers, which all levels are held against. */
  private static final Map<String, byte[]> EXPECTED = new HashMap<>();

  @BeforeAll
  static void requireNativeKernels() {
    NativeKernels.whyMissing().ifPresent(reason -> assumeTrue(false, reason));
  }

  static Stream<Arguments> levels() {
    List<String> levels = NativeKernels.levels();
    return levels.stream()
        .flatMap(isa -> Stream.of(1, 2).map(threads -> Arguments.of(isa, threads)));
  }

  private static Kernels open(String isa, int threads) {
    return NativeKernels.open(new KernelsConfig(threads, false, isa));
  }

  private static void same(String name, Kernels kernels, Function<Kernels, byte[]> operation) {
    byte[] expected = EXPECTED.computeIfAbsent(name, n -> operation.apply(REFERENCE));
    assertArrayEquals(
        expected, operation.apply(kernels), () -> kernels.description() + ": " + name);
  }

  @ParameterizedTest
  @MethodSource("levels")
  void shouldNormaliseAndGateRowsLikeTheReference(String isa, int threads) {
    try (Kernels kernels = open(isa, threads)) {
      for (int cols : new int[] {1, 15, 16, 37, 64, 288, 1536}) {
        for (int tokens : new int[] {1, 2, 7, 65}) {
          String shape = " of " + tokens + " rows of " + cols;
          same("rms norm" + shape, kernels, k -> OperationCases.rmsNorm(k, cols, tokens, tokens));
          same("swiglu" + shape, kernels, k -> OperationCases.swiglu(k, cols, tokens, tokens));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("levels")
  void shouldWriteQuantisedRowsAloneLikeTheReference(String isa, int threads) {
    Set<ActivationKind> only32 = EnumSet.of(ActivationKind.Q8_32);
    Set<ActivationKind> both = EnumSet.of(ActivationKind.Q8_32, ActivationKind.Q8_256);
    try (Kernels kernels = open(isa, threads)) {
      for (int cols : new int[] {32, 288, 512, 1536}) {
        Set<ActivationKind> kinds = cols % 256 == 0 ? both : only32;
        for (int tokens : new int[] {1, 2, 65}) {
          String shape = " of " + tokens + " rows of " + cols + " as " + kinds;
          same(
              "rms norm" + shape,
              kernels,
              k -> OperationCases.rmsNorm(k, cols, tokens, tokens, kinds));
          same(
              "swiglu" + shape,
              kernels,
              k -> OperationCases.swiglu(k, cols, tokens, tokens, kinds));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("levels")
  void shouldFindTheGreatestOfEachRunLikeTheReference(String isa, int threads) {
    try (Kernels kernels = open(isa, threads)) {
      for (int cols : new int[] {1, 15, 16, 37, 63, 64, 65, 4095, 4096, 4097, 9999, 49152}) {
        for (int rows : new int[] {1, 2, 7}) {
          String name = "maxima of " + rows + " rows of " + cols;
          same(name, kernels, k -> OperationCases.maxima(k, cols, rows));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("levels")
  void shouldRotateHeadsLikeTheReference(String isa, int threads) {
    try (Kernels kernels = open(isa, threads)) {
      for (int headDim : new int[] {2, 8, 32, 64, 80, 128}) {
        for (int pairs : new int[] {headDim / 2, (headDim + 3) / 4}) {
          for (int tokens : new int[] {1, 7, 65}) {
            String name = "rope of " + tokens + " x 3 x " + headDim + ", " + pairs + " pairs";
            same(name, kernels, k -> OperationCases.rope(k, 3, headDim, pairs, 11, tokens, tokens));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("levels")
  void shouldStoreAndCopyTheCacheLikeTheReference(String isa, int threads) {
    try (Kernels kernels = open(isa, threads)) {
      for (int headDim : new int[] {2, 8, 32, 64, 80, 128}) {
        KvGeometry geometry = new KvGeometry(2, 3, headDim);
        for (int first : new int[] {0, 5, 63, 64, 127}) {
          for (int tokens : TOKENS) {
            String shape =
                " of " + tokens + " tokens from " + first + ", head dimension " + headDim;
            same(
                "store" + shape,
                kernels,
                k -> OperationCases.storeKv(k, geometry, first, tokens, tokens));
            for (KvWireType type : KvWireType.values()) {
              if (type.fits(geometry)) {
                same(
                    "copy as " + type + shape,
                    kernels,
                    k -> OperationCases.copyKv(k, geometry, first, tokens, type, tokens % 3));
              }
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("levels")
  void shouldPutTheShapesOfModelsOnTheWireLikeTheReference(String isa, int threads) {
    try (Kernels kernels = open(isa, threads)) {
      for (int headDim : new int[] {24, 32, 48, 64, 96, 128}) {
        for (int kvHeads : new int[] {1, 3, 8}) {
          KvGeometry geometry = new KvGeometry(2, kvHeads, headDim);
          for (KvWireType type : KvWireType.values()) {
            if (!type.fits(geometry)) {
              continue;
            }
            String shape = " as " + type + " of " + kvHeads + " heads of " + headDim;
            for (int first : new int[] {0, 50, 85}) {
              same(
                  "a slice from " + first + shape,
                  kernels,
                  k -> OperationCases.copyKv(k, geometry, first, 85, type, 13));
            }
            same(
                "any bytes" + shape,
                kernels,
                k -> OperationCases.importAnyBytes(k, geometry, 47, 33, type));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("levels")
  void shouldAttendLikeTheReference(String isa, int threads) {
    try (Kernels kernels = open(isa, threads)) {
      for (int headDim : new int[] {8, 32, 64, 80, 128}) {
        for (int group : new int[] {1, 2, 4, 3}) {
          KvGeometry geometry = new KvGeometry(2, 2, headDim);
          for (int tokens : TOKENS) {
            int first = tokens == 64 ? 0 : 61 * group - 61;
            String name =
                tokens
                    + " tokens from "
                    + first
                    + ", groups of "
                    + group
                    + ", head dimension "
                    + headDim;
            same(
                "attention of " + name,
                kernels,
                k -> OperationCases.attention(k, geometry, group, first, tokens, tokens));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("levels")
  void shouldAttendWithOddHeadsAndLongContextsLikeTheReference(String isa, int threads) {
    try (Kernels kernels = open(isa, threads)) {
      KvGeometry odd = new KvGeometry(2, 1, 18);
      KvGeometry large = new KvGeometry(2, 1, 256);
      same(
          "one head of 18, 71 queries",
          kernels,
          k -> OperationCases.attention(k, odd, 71, 130, 3, 3));
      same("heads of 256", kernels, k -> OperationCases.attention(k, large, 5, 30, 40, 40));
      same(
          "a decode step at 1000",
          kernels,
          k -> OperationCases.attention(k, new KvGeometry(2, 3, 64), 3, 1000, 1, 1));
      same("chunks of 13", kernels, k -> OperationCases.attention(k, odd, 2, 0, 70, 13));
    }
  }

  @ParameterizedTest
  @MethodSource("levels")
  void shouldRefuseHeadsThatAreTooLarge(String isa, int threads) {
    try (Kernels kernels = open(isa, threads);
        Arena arena = Arena.ofConfined()) {
      RandomTensors random = new RandomTensors(1, arena);
      KvGeometry geometry = new KvGeometry(2, 1, 258);
      RowRuns rows = new RowRuns(1, arena).add(random.cache(geometry, 1), 0, 1, 0);
      AttentionLayer layer = OperationCases.layer(geometry, 1, arena);
      Activations out = kernels.activations(1, 258, EnumSet.of(ActivationKind.F32), arena);
      assertThrows(
          IllegalArgumentException.class,
          () -> kernels.attention(rows, layer, random.floats(258), out));
    }
  }
}
