package dev.baton.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.cpu.CpuModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvPool;
import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.Prompt;
import dev.baton.schedule.Priority;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Prompts whose beginnings are in the pool already: fewer tokens computed, the same answers. */
class PrefixReuseTest {
  private static KernelChoice kernels;
  private static CpuModel model;

  @BeforeAll
  static void load() {
    kernels = KernelChoice.open(KernelsConfig.defaults());
    model = CpuModel.load(TinyModel.FILE, kernels.kernels(), done -> {});
  }

  @AfterAll
  static void close() {
    model.close();
    kernels.kernels().close();
  }

  private static int[] random(int length, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return random.ints(length, 2, 2000).toArray();
  }

  private static int[] joined(int[] head, int[] tail) {
    int[] both = Arrays.copyOf(head, head.length + tail.length);
    System.arraycopy(tail, 0, both, head.length, tail.length);
    return both;
  }

  private static Recorder submit(DecodeQueue loop, int[] prompt, int maxTokens, boolean reuse) {
    Recorder recorder = new Recorder();
    DecodeSession _ = loop.submit(request(prompt, maxTokens, reuse, recorder));
    return recorder;
  }

  private static PrefixChain chain(int[] prompt) {
    return new PrefixChain(new Prompt(prompt, 0), prompt.length);
  }

  private static DecodeRequest request(
      int[] prompt, int maxTokens, boolean reuse, TokenListener listener) {
    return new DecodeRequest(
        prompt,
        maxTokens,
        SamplingParams.greedy(),
        token -> false,
        null,
        null,
        reuse ? chain(prompt) : null,
        Priority.INTERACTIVE,
        listener);
  }

  @Test
  void shouldComputeOnlyWhatIsNewOfALaterTurn() throws InterruptedException {
    try (KvPool pool = new KvPool(model.kvGeometry(), 64);
        DecodeQueue loop = new DecodeQueue(model, pool, 2, 64, System::nanoTime)) {
      int[] first = random(200, 1);
      Recorder turn = submit(loop, first, 70, true);
      int[] answer = turn.await();
      assertEquals(0, turn.outcome().tokens().cachedTokens());
      assertEquals(64, pool.freeBlocks(), "what is only cached can be had");
      assertEquals(4, pool.prefixes().counts().cachedBlocks());

      int[] second = joined(joined(first, answer), random(30, 2));
      assertEquals(256, loop.cachedTokens(chain(second)));
      Recorder next = submit(loop, second, 20, true);
      int[] reused = next.await();
      assertEquals(256, next.outcome().tokens().cachedTokens(), "the last turn's answer too");
      Recorder anew = submit(loop, second, 20, false);
      assertArrayEquals(anew.await(), reused);
      assertEquals(0, anew.outcome().tokens().cachedTokens());
      assertEquals(0, loop.cachedTokens(chain(random(300, 3))));
    }
  }

  @Test
  void shouldAnswerTheSameBehindAPrefixOfAnyLength() throws InterruptedException {
    int[] text = random(400, 5);
    int[] lengths = {1, 2, 63, 64, 65, 127, 128, 129, 192, 193, 320};
    try (KvPool pool = new KvPool(model.kvGeometry(), 64);
        DecodeQueue loop = new DecodeQueue(model, pool, 2, 48, System::nanoTime)) {
      int[] _ = submit(loop, text, 4, true).await();
      for (int shared : lengths) {
        for (int own : new int[] {0, 1, 63, 64, 65}) {
          int[] prompt = joined(Arrays.copyOf(text, shared), random(own, 1000 + own));
          Recorder hit = submit(loop, prompt, 8, true);
          Recorder miss = submit(loop, prompt, 8, false);
          String what = shared + " tokens shared and " + own + " of its own";
          assertArrayEquals(miss.await(), hit.await(), what);
          int most = Math.min(shared, prompt.length - 1) / KvGeometry.BLOCK_TOKENS;
          assertTrue(hit.outcome().tokens().cachedTokens() >= most * KvGeometry.BLOCK_TOKENS, what);
        }
      }
    }
  }

  /** A pool too small for all: prompts of six families evict each other's blocks. */
  @Test
  void shouldAnswerTheSameThroughHitsEvictionsAndCancels() throws InterruptedException {
    SplittableRandom random = new SplittableRandom(11);
    int blocks = 20;
    try (KvPool pool = new KvPool(model.kvGeometry(), blocks);
        KvPool apart = new KvPool(model.kvGeometry(), blocks);
        DecodeQueue loop = new DecodeQueue(model, pool, 3, 40, System::nanoTime);
        DecodeQueue alone = new DecodeQueue(model, apart, 3, 64, System::nanoTime)) {
      for (int round = 0; round < 60; round++) {
        List<int[]> prompts = new ArrayList<>();
        List<Recorder> reused = new ArrayList<>();
        List<Recorder> anew = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
          int[] family = random(300, 50 + random.nextInt(6));
          int[] prompt =
              joined(
                  Arrays.copyOf(family, random.nextInt(300)),
                  random(1 + random.nextInt(60), random.nextLong()));
          int tokens = 1 + random.nextInt(30);
          prompts.add(prompt);
          Recorder recorder = new Recorder();
          DecodeSession session = loop.submit(request(prompt, tokens, true, recorder));
          reused.add(recorder);
          anew.add(submit(alone, prompt, tokens, false));
          if (random.nextInt(6) == 0) {
            session.cancel();
          }
        }
        for (int i = 0; i < prompts.size(); i++) {
          int[] wanted = anew.get(i).await();
          int[] got = reused.get(i).await();
          String what = "round " + round + ", prompt of " + prompts.get(i).length;
          if (reused.get(i).outcome().end() == DecodeOutcome.End.CANCELLED) {
            wanted = Arrays.copyOf(wanted, got.length);
          }
          assertArrayEquals(wanted, got, what);
        }
      }
      assertEquals(blocks, pool.freeBlocks(), "blocks that nobody has but the index");
      assertTrue(pool.prefixes().counts().evictions() > 0, pool.prefixes().counts()::toString);
      assertTrue(pool.prefixes().counts().hitTokens() > 0, pool.prefixes().counts()::toString);
    }
  }
}
