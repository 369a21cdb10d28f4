package dev.baton.kv;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.LayerRange;
import dev.baton.cpu.CpuModel;
import dev.baton.cpu.CpuPass;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** On the project's own model: a hit, a fork, a cut give the bits of one who computed it all. */
class PrefixBitsTest {
  private static final Path BATON_TINY =
      Path.of("..", "engine", "src", "main", "resources", "dev", "baton", "catalog")
          .resolve("baton-tiny-q8_0.gguf");

  private static final int[] LENGTHS = {1, 63, 64, 65, 127, 128, 129};
  private static final int MOST_TOKENS = 320;

  private static Kernels kernels;
  private static CpuModel model;
  private static CpuPass pass;
  private static LayerRange layers;
  private static Need need;

  /** Bits of the logits behind prompts that were computed from their first token on. */
  private static final Map<String, int[]> MISSES = new HashMap<>();

  private final KvPool pool = new KvPool(model.kvGeometry(), 24);

  @BeforeAll
  static void load() {
    kernels = KernelChoice.open(KernelsConfig.defaults().withThreads(2)).kernels();
    model = CpuModel.load(BATON_TINY, kernels, done -> {});
    pass = new CpuPass(model, 48);
    layers = LayerRange.all(model.shape().layers());
    need = new Need(true, layers);
  }

  @AfterAll
  static void unload() {
    pass.close();
    model.close();
    kernels.close();
  }

  @AfterEach
  void close() {
    pool.prefixes().clear();
    assertEquals(24, pool.freeBlocks());
    pool.close();
  }

  private static int[] prompt(int seed, int length) {
    SplittableRandom random = new SplittableRandom(seed);
    return random.ints(length, 0, model.shape().vocab()).toArray();
  }

  private static int[] join(int[] prefix, int[] suffix) {
    int[] both = Arrays.copyOf(prefix, prefix.length + suffix.length);
    System.arraycopy(suffix, 0, both, prefix.length, suffix.length);
    return both;
  }

  /** Computes tokens [from, ..) in chunks; bits of the logits behind the last one. */
  private static int[] run(KvSequence sequence, int[] tokens, int from) {
    assertTrue(sequence.grow(tokens.length));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment logits = arena.allocate(model.shape().vocab() * 4L, 64);
      TokenBatch batch = new TokenBatch(pass.maxTokens());
      for (int at = from; at < tokens.length; at += pass.maxTokens()) {
        int count = Math.min(pass.maxTokens(), tokens.length - at);
        batch.clear().add(sequence, tokens, at, count, at, 1);
        pass.embed(batch);
        pass.layers(batch, 0, layers.to());
      }
      pass.logits(0, 1, logits);
      return logits.toArray(ValueLayout.JAVA_INT);
    }
  }

  private int[] miss(int[] tokens) {
    return MISSES.computeIfAbsent(
        Arrays.toString(tokens),
        _ -> {
          try (KvPool fresh = new KvPool(model.kvGeometry(), KvPool.blocksFor(tokens.length));
              KvSequence sequence = fresh.open(tokens.length)) {
            return run(sequence, tokens, 0);
          }
        });
  }

  private void publish(KvSequence sequence, int[] tokens) {
    byte[] chain = Chains.of(0, tokens);
    pool.prefixes().publish(chain, sequence, tokens.length / 64, layers, Retention.CONVERSATION);
  }

  @Test
  void shouldGiveTheSameBitsForAHitAsForAMissAtEveryLength() {
    for (int length : LENGTHS) {
      int[] prefix = prompt(1, length);
      try (KvSequence first = pool.open(length)) {
        assertArrayEquals(miss(prefix), run(first, prefix, 0));
        publish(first, prefix);
      }
      for (int more : LENGTHS) {
        int[] tokens = join(prefix, prompt(2, more));
        try (KvSequence hit = pool.prefixes().hit(Chains.of(0, tokens), MOST_TOKENS, need)) {
          int found = hit.capacityTokens();
          assertEquals(length / 64 * 64, found);
          String what = length + " tokens and " + more + " more";
          assertArrayEquals(miss(tokens), run(hit, tokens, found), what);
        }
      }
    }
  }

  @Test
  void shouldComputeTheLastTokenAgainWhereAPromptIsFoundWhole() {
    for (int length : new int[] {64, 128}) {
      int[] prompt = prompt(3, length);
      try (KvSequence first = pool.open(length)) {
        run(first, prompt, 0);
        publish(first, prompt);
        for (int i = 0; i < 2; i++) {
          try (KvSequence hit = pool.prefixes().hit(Chains.of(0, prompt), MOST_TOKENS, need)) {
            assertEquals(length, hit.capacityTokens());
            assertArrayEquals(miss(prompt), run(hit, prompt, length - 1));
            int[] longer = join(prompt, prompt(4, 30));
            assertArrayEquals(miss(longer), run(hit, longer, length));
          }
        }
      }
    }
  }

  @Test
  void shouldGiveTheSameBitsToForksThatPart() {
    for (int length : LENGTHS) {
      int[] prefix = prompt(5, length);
      try (KvSequence first = pool.open(MOST_TOKENS)) {
        run(first, prefix, 0);
        try (KvSequence second = first.fork();
            KvSequence third = second.fork()) {
          int at = length;
          KvSequence[] parting = {second, first, third};
          for (int i = 0; i < 3; i++) {
            int[] tokens = join(prefix, prompt(6 + i, 70));
            assertArrayEquals(miss(tokens), run(parting[i], tokens, at), "fork at " + length);
          }
          for (int i = 0; i < 3; i++) {
            int[] tokens = join(join(prefix, prompt(6 + i, 70)), new int[] {9});
            assertArrayEquals(miss(tokens), run(parting[i], tokens, at + 70), "behind it");
          }
        }
      }
    }
  }

  @Test
  void shouldGiveTheSameBitsBehindACut() {
    int[] whole = prompt(9, 200);
    for (int length : LENGTHS) {
      try (KvSequence sequence = pool.open(MOST_TOKENS)) {
        run(sequence, whole, 0);
        publish(sequence, whole);
        sequence.truncate(length);
        int[] tokens = join(Arrays.copyOf(whole, length), prompt(10, 66));
        assertArrayEquals(miss(tokens), run(sequence, tokens, length), "cut at " + length);
        int[] again = join(whole, new int[] {5});
        try (KvSequence hit = pool.prefixes().hit(Chains.of(0, again), MOST_TOKENS, need)) {
          assertEquals(192, hit.capacityTokens());
          assertArrayEquals(miss(again), run(hit, again, 192), "what was published stays");
        }
      }
    }
  }
}
