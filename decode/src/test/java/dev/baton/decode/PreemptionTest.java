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
import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.Prompt;
import dev.baton.schedule.Priority;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** More sessions than there are blocks for: some give way, and all answer as they would alone. */
@Timeout(120)
class PreemptionTest {
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
    return new SplittableRandom(seed).ints(length, 2, 2000).toArray();
  }

  private static SamplingParams sampling(long seed) {
    return seed % 2 == 0 ? SamplingParams.greedy() : SamplingParams.usual(seed);
  }

  private static DecodeRequest request(
      int[] prompt,
      int maxTokens,
      SamplingParams sampling,
      @Nullable RemotePrefill remote,
      boolean reuse,
      Priority priority,
      TokenListener listener) {
    return new DecodeRequest(
        prompt,
        maxTokens,
        sampling,
        token -> false,
        null,
        remote,
        reuse ? new PrefixChain(new Prompt(prompt, 0), prompt.length) : null,
        priority,
        listener);
  }

  private static int[] alone(int[] prompt, int maxTokens, SamplingParams sampling)
      throws InterruptedException {
    try (KvPool pool = new KvPool(model.kvGeometry(), 16);
        DecodeQueue queue = new DecodeQueue(model, pool, 1, 512, System::nanoTime)) {
      Recorder recorder = new Recorder();
      queue.submit(
          request(prompt, maxTokens, sampling, null, false, Priority.INTERACTIVE, recorder));
      return recorder.await();
    }
  }

  @Test
  void shouldAnswerTheSameWhenAnswersOutgrowTheBlocks() throws InterruptedException {
    for (boolean reuse : new boolean[] {false, true}) {
      try (KvPool pool = new KvPool(model.kvGeometry(), 12);
          DecodeQueue queue = new DecodeQueue(model, pool, 6, 64, System::nanoTime)) {
        List<Recorder> recorders = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
          recorders.add(new Recorder());
          queue.submit(
              request(
                  random(40 + i, i),
                  200,
                  sampling(i),
                  null,
                  reuse,
                  Priority.INTERACTIVE,
                  recorders.get(i)));
        }
        for (int i = 0; i < 6; i++) {
          assertArrayEquals(alone(random(40 + i, i), 200, sampling(i)), recorders.get(i).await());
        }
        assertTrue(queue.preemptions() > 0, "nobody had to give way");
        assertEquals(12, pool.freeBlocks());
      }
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void shouldPreemptBackgroundWorkForPeople() throws InterruptedException {
    try (KvPool pool = new KvPool(model.kvGeometry(), 16);
        DecodeQueue queue = new DecodeQueue(model, pool, 2, 64, System::nanoTime)) {
      List<Recorder> background = new ArrayList<>();
      Recorder person = new Recorder();
      CountDownLatch allThere = new CountDownLatch(1);
      for (int i = 0; i < 3; i++) {
        boolean isFirst = i == 0;
        background.add(
            new Recorder() {
              @Override
              public void onToken(int token) {
                super.onToken(token);
                if (isFirst && count() == 20) {
                  awaitQuietly(allThere);
                } else if (isFirst && count() == 40) { // two of them are being answered
                  queue.submit(
                      request(
                          random(30, 9), 5, sampling(0), null, true, Priority.INTERACTIVE, person));
                }
              }
            });
        queue.submit(
            request(
                random(50, i),
                300,
                sampling(i),
                null,
                true,
                Priority.BACKGROUND,
                background.get(i)));
      }
      allThere.countDown();
      assertArrayEquals(alone(random(30, 9), 5, sampling(0)), person.await());
      for (int i = 0; i < 3; i++) {
        assertArrayEquals(alone(random(50, i), 300, sampling(i)), background.get(i).await());
      }
      assertTrue(queue.preemptions() >= 1, "the person waited for background work");
    }
  }

  @Test
  void shouldFinishHereWhenASessionGivesWayWhileAPrefillNodeWorksForIt()
      throws InterruptedException {
    try (KvPool pool = new KvPool(model.kvGeometry(), 8);
        DecodeQueue queue = new DecodeQueue(model, pool, 2, 64, System::nanoTime)) {
      Recorder growing = new Recorder();
      queue.submit(
          request(random(60, 1), 400, sampling(0), null, false, Priority.INTERACTIVE, growing));
      SteppedPrefill node = new SteppedPrefill(model);
      ChunkSchedule chunks = new ChunkSchedule(512, 64);
      RemotePrefill plan = new RemotePrefill(node, 2, chunks, KvWireType.F16, true);
      Recorder remote = new Recorder();
      queue.submit(
          request(random(200, 2), 20, sampling(0), plan, false, Priority.INTERACTIVE, remote));
      assertArrayEquals(alone(random(60, 1), 400, sampling(0)), growing.await());
      assertArrayEquals(alone(random(200, 2), 20, sampling(0)), remote.await());
      assertEquals("its KV blocks were needed by others", remote.outcome().fallback());
      assertEquals(8, pool.freeBlocks());
    }
  }

  /**
   * Hits, evictions, preemptions, cancels and priorities, as they come, in a pool too small.
   *
   * @param maxStallNs with a bound that nothing keeps, a pass pauses behind each of its layers
   */
  @ParameterizedTest
  @ValueSource(longs = {0, 1})
  void shouldAnswerTheSameThroughAThousandRandomRequests(long maxStallNs)
      throws InterruptedException {
    SplittableRandom random = new SplittableRandom(5);
    Map<String, int[]> wanted = new HashMap<>();
    try (KvPool pool = new KvPool(model.kvGeometry(), 9);
        DecodeQueue queue = new DecodeQueue(model, pool, 5, 48, maxStallNs, System::nanoTime)) {
      int cancels = 0;
      for (int round = 0; round < 125; round++) {
        List<Recorder> recorders = new ArrayList<>();
        List<int[]> answers = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          int family = random.nextInt(5);
          int length = 1 + 13 * random.nextInt(12);
          int maxTokens = 1 + random.nextInt(150);
          int[] prompt = Arrays.copyOf(random(250, family), length);
          SamplingParams sampling = sampling(family);
          Recorder recorder = new Recorder();
          recorders.add(recorder);
          DecodeSession session =
              queue.submit(
                  request(
                      prompt,
                      maxTokens,
                      sampling,
                      null,
                      random.nextInt(5) > 0,
                      random.nextBoolean() ? Priority.INTERACTIVE : Priority.BACKGROUND,
                      recorder));
          if (random.nextInt(7) == 0) {
            session.cancel();
            cancels++;
          }
          String key = family + "/" + length;
          if (!wanted.containsKey(key)) {
            wanted.put(key, alone(prompt, 150, sampling));
          }
          answers.add(Arrays.copyOf(wanted.get(key), maxTokens));
        }
        for (int i = 0; i < recorders.size(); i++) {
          int[] got = recorders.get(i).await();
          int[] all = answers.get(i);
          boolean whole = recorders.get(i).outcome().end() != DecodeOutcome.End.CANCELLED;
          assertArrayEquals(whole ? all : Arrays.copyOf(all, got.length), got, "round " + round);
        }
      }
      assertTrue(queue.preemptions() > 20, queue.preemptions() + " preemptions");
      assertTrue(cancels > 50, cancels + " cancels");
      assertTrue(pool.prefixes().counts().evictions() > 50, pool.prefixes().counts()::toString);
      assertTrue(pool.prefixes().counts().hits() > 50, pool.prefixes().counts()::toString);
      assertEquals(9, pool.freeBlocks());
    }
  }
}
