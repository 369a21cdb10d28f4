package dev.baton.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.LayerRange;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.NativeKernels;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The forward pass on the project's own model, with the oracle kernels. */
class CpuPassTest {
  static final Path BATON_TINY =
      Path.of(
          "..",
          "engine",
          "src",
          "main",
          "resources",
          "dev",
          "baton",
          "catalog",
          "baton-tiny-q8_0.gguf");

  /** From the model's note: what llama.cpp gives for "The little fox". */
  private static final int[] FOX_PROMPT = {0, 680, 381, 1174};

  private static final int[] FOX_GOLDEN = {
    370, 315, 260, 702, 670, 15, 837, 693, 277, 671, 15, 343, 277, 569, 274, 678, 15, 361, 341, 13,
    671, 692, 260, 407, 1131, 15, 671, 474, 260, 1410, 272, 608, 263, 1131, 315, 263, 1493, 15, 671,
    534, 329, 853, 272, 650, 315, 263, 502, 1878, 329, 15, 343, 512, 488, 462, 13, 411, 287, 537,
    737, 1329, 1664, 15, 281, 1218
  };

  private static Kernels kernels;
  private static CpuModel model;

  @BeforeAll
  static void load() {
    kernels = NativeKernels.open(KernelsConfig.defaults());
    model = CpuModel.load(BATON_TINY, kernels, done -> {});
  }

  @AfterAll
  static void close() {
    model.close();
    kernels.close();
  }

  @Test
  void shouldContinueAsTheGoldenTokensSay() {
    try (KvPool cache = new KvPool(model.kvGeometry(), 4);
        KvSequence sequence = cache.reserve(FOX_PROMPT.length + FOX_GOLDEN.length);
        CpuPass forward = new CpuPass(model, 8);
        Arena arena = Arena.ofConfined()) {
      MemorySegment logits = arena.allocate(model.shape().vocab() * 4L, 64);
      TokenBatch batch = new TokenBatch(8);
      int[] answer = new int[FOX_GOLDEN.length];
      int[] input = FOX_PROMPT;
      int position = 0;
      for (int i = 0; i < answer.length; i++) {
        batch.clear().add(sequence, input, 0, input.length, position);
        forward.embed(batch);
        forward.layers(batch, 0, model.shape().layers());
        forward.logits(input.length - 1, 1, logits);
        position += input.length;
        answer[i] = argMax(logits.toArray(ValueLayout.JAVA_FLOAT));
        input = new int[] {answer[i]};
      }
      assertArrayEquals(FOX_GOLDEN, answer);
    }
  }

  @Test
  void shouldGiveTheSameBitsForEveryChunkSizeAndLayerRange() {
    int[] prompt = new int[150];
    for (int i = 0; i < prompt.length; i++) {
      prompt[i] = (i * 37 + 11) % model.shape().vocab();
    }
    int[] whole = lastLogits(prompt, 150, 6);
    for (int chunk : new int[] {1, 7, 64, 128}) {
      for (int boundary : new int[] {0, 1, 5}) {
        assertArrayEquals(
            whole, lastLogits(prompt, chunk, boundary), "chunk " + chunk + " cut at " + boundary);
      }
    }
  }

  @Test
  void shouldGiveTheSameBitsInABatchOfUnlikeRuns() {
    int[] a = {0, 458, 504, 260, 413};
    int[] b = FOX_PROMPT;
    int[] aloneA = lastLogits(a, 5, 6);
    int[] aloneB = lastLogits(b, 4, 6);
    int vocab = model.shape().vocab();
    try (KvPool cache = new KvPool(model.kvGeometry(), 4);
        KvSequence first = cache.reserve(8);
        KvSequence second = cache.reserve(8);
        CpuPass forward = new CpuPass(model, 16);
        Arena arena = Arena.ofConfined()) {
      MemorySegment logits = arena.allocate(vocab * 4L, 64);
      TokenBatch batch = new TokenBatch(16);
      batch.add(first, a, 0, 5, 0).add(second, b, 0, 4, 0);
      forward.embed(batch);
      forward.layers(batch, 0, 6);
      forward.logits(4, 1, logits);
      assertArrayEquals(aloneA, logits.toArray(ValueLayout.JAVA_INT));
      forward.logits(8, 1, logits);
      assertArrayEquals(aloneB, logits.toArray(ValueLayout.JAVA_INT));
    }
  }

  @Test
  void shouldLeaveTheWantedRowsInOrderBehindTheLastLayer() {
    int[] a = {0, 458, 504, 260, 413};
    int[] b = FOX_PROMPT;
    int vocab = model.shape().vocab();
    try (KvPool cache = new KvPool(model.kvGeometry(), 6);
        CpuPass forward = new CpuPass(model, 16);
        Arena arena = Arena.ofConfined()) {
      MemorySegment logits = arena.allocate(10L * vocab * 4, 64);
      TokenBatch batch = new TokenBatch(16);
      KvSequence[] sequences = new KvSequence[6];
      Arrays.setAll(sequences, i -> cache.reserve(8));
      for (int wantedA : new int[] {5, 2, 0}) {
        batch.clear().add(sequences[0], a, 0, 5, 0, wantedA);
        batch.add(sequences[1], b, 0, 4, 0, 1).add(sequences[2], a, 0, 1, 0);
        assertEquals(wantedA + 2, batch.wantedRows());
        forward.embed(batch);
        forward.layers(batch, 0, 3);
        forward.layers(batch, 3, 6);
        forward.logits(0, batch.wantedRows(), logits);
        for (int i = 0; i < wantedA; i++) {
          assertRow(lastLogits(Arrays.copyOf(a, 5 - wantedA + i + 1), 5, 6), logits, i);
        }
        assertRow(lastLogits(b, 4, 6), logits, wantedA);
        assertRow(lastLogits(new int[] {0}, 1, 6), logits, wantedA + 1);
      }
      // The KV of the rows that nobody wanted stands in the last layer too.
      batch.clear().add(sequences[3], a, 0, 4, 0, 0);
      forward.embed(batch);
      forward.layers(batch, 0, 6);
      batch.clear().add(sequences[3], a, 4, 1, 4);
      forward.embed(batch);
      forward.layers(batch, 0, 6);
      forward.logits(0, 1, logits);
      assertRow(lastLogits(a, 5, 6), logits, 0);
    }
  }

  private static void assertRow(int[] wanted, MemorySegment logits, int row) {
    long bytes = wanted.length * 4L;
    assertArrayEquals(
        wanted, logits.asSlice(row * bytes, bytes).toArray(ValueLayout.JAVA_INT), "row " + row);
  }

  @Test
  void shouldComputeEachLayerWhereItsWeightsAreInMemoryForThese() {
    int[] prompt = {0, 458, 504, 260, 413};
    WeightCache none = WeightCache.none();
    try (CpuModel lower = CpuModel.load(BATON_TINY, new LayerRange(0, 2), kernels, none, _ -> {});
        CpuModel upper = CpuModel.load(BATON_TINY, new LayerRange(2, 6), kernels, none, _ -> {});
        KvPool lowerPool = new KvPool(model.kvGeometry(), 1);
        KvPool upperPool = new KvPool(model.kvGeometry(), 1);
        CpuPass below = lower.pass(8);
        CpuPass above = upper.pass(8);
        Arena arena = Arena.ofConfined()) {
      long layer = lower.packedBytes() / 2;
      assertEquals(model.packedBytes(), lower.packedBytes() + upper.packedBytes());
      assertTrue(upper.packedBytes() > 4 * layer, "the output matrix comes with the last layer");
      assertEquals(new LayerRange(2, 6), upper.range());

      TokenBatch batch = new TokenBatch(8).add(lowerPool.reserve(8), prompt, 0, 5, 0);
      below.embed(batch);
      below.layers(batch, 0, 2);
      long rows = 5L * model.shape().dim() * Float.BYTES;
      MemorySegment.copy(below.hidden(), 0, above.hidden(), 0, rows);
      above.layers(batch.clear().add(upperPool.reserve(8), prompt, 0, 5, 0, 1), 2, 6);
      MemorySegment logits = arena.allocate(model.shape().vocab() * 4L, 64);
      above.logits(0, 1, logits);
      assertRow(lastLogits(prompt, 5, 6), logits, 0);

      assertElsewhere(
          "layers [0, 3) are not loaded here, only [0, 2)", () -> below.layers(batch, 0, 3));
      assertElsewhere("the output matrix is not loaded here", () -> below.logits(0, 1, logits));
    }
    assertElsewhere(
        "layers [5, 7) are outside a model of 6",
        () -> CpuModel.load(BATON_TINY, new LayerRange(5, 7), kernels, none, _ -> {}).close());
  }

  private static void assertElsewhere(String said, Executable use) {
    String message = assertThrows(IllegalArgumentException.class, use).getMessage();
    assertTrue(String.valueOf(message).contains(said), message);
  }

  @Test
  void shouldRefuseTokensAndLayersThatAreNotThere() {
    try (KvPool cache = new KvPool(model.kvGeometry(), 1);
        KvSequence sequence = cache.reserve(4);
        CpuPass forward = new CpuPass(model, 4)) {
      TokenBatch batch = new TokenBatch(4);
      batch.add(sequence, new int[] {2048}, 0, 1, 0);
      String message =
          assertThrows(IllegalArgumentException.class, () -> forward.embed(batch)).getMessage();
      assertTrue(message.contains("2048"), message);
      assertThrows(IllegalArgumentException.class, () -> forward.layers(batch, 0, 7));
      assertThrows(
          IllegalArgumentException.class,
          () -> new TokenBatch(4).add(sequence, new int[4], 0, 2, 63));
    }
  }

  /** Bits of the logits behind the prompt's last token. */
  private static int[] lastLogits(int[] prompt, int chunk, int boundary) {
    try (KvPool cache = new KvPool(model.kvGeometry(), 4);
        KvSequence sequence = cache.reserve(prompt.length);
        CpuPass forward = new CpuPass(model, chunk);
        Arena arena = Arena.ofConfined()) {
      MemorySegment logits = arena.allocate(model.shape().vocab() * 4L, 64);
      TokenBatch batch = new TokenBatch(chunk);
      for (int at = 0; at < prompt.length; at += chunk) {
        int count = Math.min(chunk, prompt.length - at);
        batch.clear().add(sequence, prompt, at, count, at);
        forward.embed(batch);
        forward.layers(batch, 0, boundary);
        forward.layers(batch, boundary, 6);
        if (at + count == prompt.length) {
          forward.logits(count - 1, 1, logits);
        }
      }
      return logits.toArray(ValueLayout.JAVA_INT);
    }
  }

  private static int argMax(float[] x) {
    int best = 0;
    for (int i = 1; i < x.length; i++) {
      if (x[i] > x[best]) {
        best = i;
      }
    }
    return best;
  }
}
