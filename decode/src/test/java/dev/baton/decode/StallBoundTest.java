package dev.baton.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.cpu.CpuModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kv.KvPool;
import dev.baton.kvstream.ChunkSchedule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who waits for whom in the decode loop, on a clock that only the passes move. */
@Timeout(60)
class StallBoundTest {
  private static final long MS = 1_000_000;
  private static final int CHUNK = 128;
  private static final int LONG_PROMPT = 900;

  private static KernelChoice kernels;
  private static CpuModel tiny;

  @BeforeAll
  static void load() {
    kernels = KernelChoice.open(KernelsConfig.defaults());
    tiny = CpuModel.load(TinyModel.FILE, kernels.kernels(), done -> {});
  }

  @AfterAll
  static void close() {
    tiny.close();
    kernels.kernels().close();
  }

  /** A session of which it is written down when its tokens came, as one of several. */
  private static class Timed extends Recorder {
    final List<Long> atNs = Collections.synchronizedList(new ArrayList<>());
    private final PacedModel model;

    Timed(PacedModel model) {
      this.model = model;
    }

    @Override
    public void onToken(int token) {
      atNs.add(model.nowNs());
      super.onToken(token);
    }

    long firstNs() throws InterruptedException {
      outcome();
      return atNs.getFirst();
    }

    long longestGapNs() {
      long longest = 0;
      for (int i = 1; i < atNs.size(); i++) {
        longest = Math.max(longest, atNs.get(i) - atNs.get(i - 1));
      }
      return longest;
    }
  }

  private static int[] prompt(int tokens, int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return random.ints(tokens, 2, 2002).toArray();
  }

  private static DecodeRequest request(
      int[] prompt, int maxTokens, @Nullable RemotePrefill remote, TokenListener listener) {
    return new DecodeRequest(
        prompt, maxTokens, SamplingParams.greedy(), token -> false, remote, listener);
  }

  private static DecodeQueue loop(PacedModel model, KvPool cache, long maxStallNs) {
    return new DecodeQueue(model, cache, 12, CHUNK, maxStallNs, model::nowNs);
  }

  private static KvPool cache() {
    return new KvPool(tiny.kvGeometry(), 12 * 16);
  }

  private static int[] alone(int[] prompt, int maxTokens) throws InterruptedException {
    try (KvPool cache = cache();
        DecodeQueue loop = new DecodeQueue(tiny, cache, 1, CHUNK, System::nanoTime)) {
      Recorder recorder = new Recorder();
      loop.submit(request(prompt, maxTokens, null, recorder));
      return recorder.await();
    }
  }

  @Test
  void shouldGiveATinyPromptBehindEightLongOnesItsFirstTokenEarly() throws InterruptedException {
    PacedModel model = new PacedModel(tiny, 2 * MS, MS / 4);
    CountDownLatch allThere = new CountDownLatch(1);
    model.beforePass(() -> awaitQuietly(allThere));
    try (KvPool cache = cache();
        DecodeQueue loop = loop(model, cache, 0)) {
      List<Timed> longOnes = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        longOnes.add(new Timed(model));
        loop.submit(request(prompt(LONG_PROMPT, i), 4, null, longOnes.get(i)));
      }
      Timed small = new Timed(model);
      loop.submit(request(prompt(8, 99), 1, null, small));
      allThere.countDown();
      for (Timed longOne : longOnes) {
        assertTrue(small.firstNs() < longOne.firstNs(), "before " + longOne.firstNs());
      }
      // Two of the larger chunks at most: the one under way when it came, or a patient turn; its
      // own.
      assertTrue(small.firstNs() <= 2 * (2 * MS + (CHUNK + 8) * MS / 4), "at " + small.firstNs());
      assertArrayEquals(alone(prompt(LONG_PROMPT, 5), 4), longOnes.get(5).await());
    }
  }

  @Test
  void shouldKeepTheGapsOfADecodingSessionUnderTheBoundWhileLongPromptsArrive()
      throws InterruptedException {
    for (long askedNs : new long[] {0, 25 * MS}) {
      long boundNs = askedNs == 0 ? 50 * MS : askedNs;
      PacedModel model = new PacedModel(tiny, 10 * MS, MS / 2);
      try (KvPool cache = cache();
          DecodeQueue loop = loop(model, cache, askedNs)) {
        List<Recorder> longOnes = new ArrayList<>();
        int[] prompt = prompt(20, 7);
        Timed decoding =
            new Timed(model) {
              @Override
              public void onToken(int token) {
                super.onToken(token);
                if (count() % 20 == 10 && longOnes.size() < 8) {
                  longOnes.add(new Recorder());
                  loop.submit(request(prompt(LONG_PROMPT, count()), 2, null, longOnes.getLast()));
                }
              }
            };
        loop.submit(request(prompt, 500, null, decoding));
        assertEquals(DecodeOutcome.End.LENGTH, decoding.outcome().end());
        assertEquals(8, longOnes.size());
        for (Recorder longOne : longOnes) {
          assertEquals(2, longOne.outcome().tokens().outputTokens());
        }
        long longest = decoding.longestGapNs();
        assertTrue(longest <= boundNs, longest + " ns where " + boundNs + " is the bound");
        assertTrue(longest >= boundNs / 2, "the time that there is was not used: " + longest);
        assertEquals(longest, decoding.outcome().times().longestStallNs());
        assertTrue(loop.stalls().longestNs() <= boundNs);
        assertTrue(loop.stalls().count() >= 499);
        assertArrayEquals(alone(prompt, 500), decoding.await(), "whatever rides with it");
      }
    }
  }

  @Test
  void shouldKeepTheBoundWithoutSmallerChunks() throws InterruptedException {
    PacedModel model = new PacedModel(tiny, 10 * MS, MS / 2); // a whole chunk takes 74 ms
    try (KvPool cache = cache();
        DecodeQueue loop = loop(model, cache, 0)) {
      Recorder longOne = new Recorder();
      Timed decoding =
          new Timed(model) {
            @Override
            public void onToken(int token) {
              super.onToken(token);
              if (count() == 20) {
                loop.submit(request(prompt(7 * CHUNK, 1), 2, null, longOne));
              }
            }
          };
      loop.submit(request(prompt(20, 7), 100, null, decoding));
      assertArrayEquals(alone(prompt(7 * CHUNK, 1), 2), longOne.await());
      assertArrayEquals(alone(prompt(20, 7), 100), decoding.await());
      assertEquals("7 of 128 rows", model.largestPasses());
      assertTrue(decoding.longestGapNs() <= 50 * MS, decoding.longestGapNs() + " ns");
      assertTrue(decoding.longestGapNs() >= 30 * MS, decoding.longestGapNs() + " ns");
    }
  }

  /** A whole chunk takes 74 ms; what comes in the middle of one does not wait for its end. */
  @Test
  void shouldPauseAPassForATinyPromptThatIsNew() throws InterruptedException {
    for (boolean isDecodingBeside : new boolean[] {false, true}) {
      PacedModel model = new PacedModel(tiny, 10 * MS, MS / 2);
      try (KvPool cache = cache();
          DecodeQueue loop = loop(model, cache, 0)) {
        Recorder longOne = new Recorder();
        Timed small = new Timed(model);
        Timed decoding = new Timed(model);
        AtomicLong submittedNs = new AtomicLong();
        model.afterLayer(layer -> {
          boolean isInChunk = model.largestPasses().equals("3 of 128 rows");
          if (isInChunk && layer == 1 && submittedNs.compareAndSet(0, model.nowNs())) {
            loop.submit(request(prompt(8, 99), 3, null, small));
          }
        });
        if (isDecodingBeside) {
          loop.submit(request(prompt(20, 7), 200, null, decoding));
        }
        loop.submit(request(prompt(LONG_PROMPT, 1), 2, null, longOne));
        long waitedNs = small.firstNs() - submittedNs.get();
        // Its own pass, the rest of a layer, and perhaps a row of the other one first.
        assertTrue(waitedNs <= 14 * MS + 2 * 13 * MS + 10 * MS, "waited " + waitedNs);
        assertArrayEquals(alone(prompt(8, 99), 3), small.await());
        assertArrayEquals(alone(prompt(LONG_PROMPT, 1), 2), longOne.await());
        assertTrue(decoding.longestGapNs() <= 50 * MS, decoding.longestGapNs() + " ns");
      }
    }
  }

  @Test
  void shouldLetEveryPromptGetOnBesideRowsThatTakeTheWholeBound() throws InterruptedException {
    PacedModel model = new PacedModel(tiny, 60 * MS, MS);
    try (KvPool cache = cache();
        DecodeQueue loop = loop(model, cache, 20 * MS)) {
      Recorder decoding = new Recorder();
      loop.submit(request(prompt(5, 1), 900, null, decoding));
      List<Recorder> others = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        others.add(new Recorder());
        loop.submit(request(prompt(i % 2 == 0 ? LONG_PROMPT : 30, i), 2, null, others.get(i)));
      }
      for (Recorder other : others) {
        assertEquals(DecodeOutcome.End.LENGTH, other.outcome().end());
      }
      assertTrue(decoding.count() < 900, "prompts waited for the end of what decodes");
    }
  }

  @Test
  void shouldKeepTheBoundWhileChunksOfAPrefillNodeRunHere() throws InterruptedException {
    PacedModel model = new PacedModel(tiny, 10 * MS, MS / 2);
    int layers = tiny.shape().layers();
    int[] prompt = prompt(LONG_PROMPT, 3);
    try (KvPool cache = cache();
        DecodeQueue loop = loop(model, cache, 0)) {
      SteppedPrefill node = new SteppedPrefill(tiny);
      Recorder remote = new Recorder();
      RemotePrefill plan =
          new RemotePrefill(node, 2, new ChunkSchedule(512, 64), KvWireType.F16, true);
      CountDownLatch ordered = new CountDownLatch(1);
      Timed decoding =
          new Timed(model) {
            @Override
            public void onToken(int token) {
              super.onToken(token);
              if (count() == 20) {
                loop.submit(request(prompt, 8, plan, remote));
                ordered.countDown();
              } else if (count() == 25) {
                node.deliverAll();
                node.becomeWhole();
              }
            }
          };
      loop.submit(request(prompt(20, 7), 500, null, decoding));
      ordered.await();
      assertEquals(DecodeOutcome.End.LENGTH, decoding.outcome().end());
      assertArrayEquals(alone(prompt, 8), remote.await());
      long shareNs = remote.outcome().times().sharedPrefillNs();
      assertTrue(shareNs >= LONG_PROMPT * MS / 2 * (layers - 2) / layers, "ran " + shareNs);
      long longest = decoding.longestGapNs();
      assertTrue(longest <= 50 * MS, longest + " ns");
    }
  }

  @Test
  void shouldNotTakeWhatCameFromANodeForAChunkOfItsOwnWhenTheNodeDies()
      throws InterruptedException {
    int[] prompt = prompt(LONG_PROMPT, 3);
    try (KvPool cache = cache();
        DecodeQueue loop = new DecodeQueue(tiny, cache, 2, CHUNK, System::nanoTime)) {
      SteppedPrefill node = new SteppedPrefill(tiny);
      Recorder remote = new Recorder();
      ChunkSchedule chunks = new ChunkSchedule(512, 64);
      loop.submit(
          request(prompt, 8, new RemotePrefill(node, 2, chunks, KvWireType.F16, true), remote));
      node.awaitOrder();
      Recorder other =
          new Recorder() {
            @Override
            public void onEnd(DecodeOutcome end) {
              node.deliverHidden();
              node.fail("gone");
              super.onEnd(end);
            }
          };
      loop.submit(request(prompt(20, 7), 1, null, other));
      assertArrayEquals(alone(prompt, 8), remote.await());
      assertEquals("gone", remote.outcome().fallback());
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
