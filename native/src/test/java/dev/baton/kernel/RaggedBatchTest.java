package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A run's numbers do not depend on its neighbours in the batch, nor on who computes them. */
class RaggedBatchTest {
  private static final Kernels REFERENCE = new ReferenceKernels();
  private static final int BATCHES = 16;
  private static final int MOST_RUNS = 12;

  /** The reference's answers, one run at a time. */
  private static final Map<RaggedBatch, byte[]> EXPECTED = new HashMap<>();

  private static byte[] expected(RaggedBatch batch) {
    return EXPECTED.computeIfAbsent(batch, b -> b.answer(REFERENCE, false));
  }

  private static List<RaggedBatch> batches() {
    return IntStream.range(0, BATCHES)
        .mapToObj(seed -> RaggedBatch.random(seed, MOST_RUNS))
        .toList();
  }

  static Stream<Arguments> levels() {
    return NativeKernels.levels().stream()
        .flatMap(isa -> Stream.of(1, 2, 5).map(threads -> Arguments.of(isa, threads)));
  }

  @Test
  void shouldGiveTheSameBitsTogetherAsOneRunAtATimeInTheReference() {
    for (RaggedBatch batch : batches()) {
      assertArrayEquals(expected(batch), batch.answer(REFERENCE, true), batch::toString);
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("levels")
  void shouldGiveTheReferencesBitsTogetherAndOneRunAtATime(String isa, int threads) {
    try (Kernels kernels = NativeKernels.open(new KernelsConfig(threads, false, isa))) {
      for (RaggedBatch batch : batches()) {
        byte[] expected = expected(batch);
        assertArrayEquals(
            expected, batch.answer(kernels, true), () -> kernels.description() + ": " + batch);
        assertArrayEquals(
            expected, batch.answer(kernels, false), () -> kernels.description() + ": " + batch);
      }
    }
  }

  @Test
  void shouldGiveTheSameBitsInALargeBatchOfSingleRows() {
    NativeKernels.whyMissing().ifPresent(reason -> assumeTrue(false, reason));
    List<RaggedBatch.Run> runs =
        IntStream.range(0, 64).mapToObj(i -> new RaggedBatch.Run(i, 40 + i, 1)).toList();
    RaggedBatch batch = new RaggedBatch(new KvGeometry(2, 3, 64), 3, runs, 5);
    try (Kernels kernels = NativeKernels.open(KernelsConfig.defaults().withThreads(2))) {
      assertArrayEquals(expected(batch), batch.answer(kernels, true));
    }
  }
}
