package dev.baton.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.cpu.CpuModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kv.KvPool;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class DecodeQueueTest {
  /** From the model's note: what llama.cpp gives for "Once upon a time". */
  private static final int[] ONCE_PROMPT = {0, 458, 504, 260, 413};

  private static final int[] ONCE_GOLDEN = {
    13, 392, 277, 260, 381, 1154, 388, 631, 429, 370, 315, 260, 381, 764, 15, 631, 447, 274, 440,
    1082, 15, 361, 341, 13, 631, 692, 260, 407, 1131, 15, 631, 474, 260, 1410, 272, 608, 263, 1131,
    315, 263, 1493, 15, 631, 534, 329, 853, 272, 650, 315, 263, 502, 1878, 329, 15, 523, 372, 73,
    301, 437, 399, 15, 631, 277, 730
  };

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

  @Test
  void shouldContinueAsTheGoldenTokensSay() throws InterruptedException {
    try (KvPool cache = new KvPool(model.kvGeometry(), 8);
        DecodeQueue loop = new DecodeQueue(model, cache, 4, 64, System::nanoTime)) {
      Recorder recorder = new Recorder();
      loop.submit(request(ONCE_PROMPT, 64, recorder));
      assertArrayEquals(ONCE_GOLDEN, recorder.await());
      DecodeOutcome outcome = recorder.outcome();
      assertEquals(DecodeOutcome.End.LENGTH, outcome.end());
      assertEquals(5, outcome.tokens().promptTokens());
      assertEquals(64, outcome.tokens().outputTokens());
      assertTrue(
          outcome.times().ttftNs() > 0
              && outcome.times().decodeNs() > 0
              && outcome.times().prefillNs() > 0);
      assertEquals(8, cache.freeBlocks());
    }
  }

  @Test
  void shouldEndItsSessionsWithTheReasonWhenItsOwnThreadNeverComesBack()
      throws InterruptedException {
    try (KvPool cache = new KvPool(model.kvGeometry(), 8)) {
      DecodeQueue loop = new DecodeQueue(model, cache, 4, 64, System::nanoTime);
      CountDownLatch lost = new CountDownLatch(1);
      Recorder recorder =
          new Recorder() {
            @Override
            public void onToken(int token) {
              lost.countDown();
              while (true) {
                LockSupport.park(); // as a thread whose library has failed
              }
            }
          };
      loop.submit(request(ONCE_PROMPT, 64, recorder));
      assertTrue(lost.await(60, TimeUnit.SECONDS));
      loop.scheduler().abandon("the device gave up");
      assertEquals(DecodeOutcome.End.FAILED, recorder.outcome().end());
      assertEquals("the device gave up", recorder.outcome().failure());
      assertEquals(8, cache.freeBlocks());
      assertThrows(
          IllegalStateException.class, () -> loop.submit(request(ONCE_PROMPT, 1, new Recorder())));
      loop.close();
    }
  }

  @Test
  void shouldAnswerTheSameAloneAndAmongManyUnlikeSessions() throws InterruptedException {
    SplittableRandom random = new SplittableRandom(7);
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      int[] prompt = new int[1 + random.nextInt(150)];
      for (int j = 0; j < prompt.length; j++) {
        prompt[j] = 2 + random.nextInt(2000);
      }
      prompts.add(prompt);
    }
    List<int[]> alone = new ArrayList<>();
    try (KvPool cache = new KvPool(model.kvGeometry(), 24)) {
      for (int[] prompt : prompts) {
        try (DecodeQueue loop = new DecodeQueue(model, cache, 1, 512, System::nanoTime)) {
          Recorder recorder = new Recorder();
          loop.submit(request(prompt, 20, recorder));
          alone.add(recorder.await());
        }
      }
      try (DecodeQueue loop = new DecodeQueue(model, cache, 5, 17, System::nanoTime)) {
        List<Recorder> together = new ArrayList<>();
        for (int[] prompt : prompts) {
          Recorder recorder = new Recorder();
          loop.submit(request(prompt, 20, recorder));
          together.add(recorder);
        }
        for (int i = 0; i < prompts.size(); i++) {
          assertArrayEquals(alone.get(i), together.get(i).await(), "prompt " + i);
        }
      }
      assertEquals(24, cache.freeBlocks());
    }
  }

  /**
   * What the code allocates it allocates in every stretch of so many steps, in which blocks are
   * taken as well; the JIT, where it swaps code under the thread, in one of them.
   */
  @Test
  void shouldAllocateNothingInTheSteadyState() throws InterruptedException {
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long least = Long.MAX_VALUE;
    try (KvPool cache = new KvPool(model.kvGeometry(), 16);
        DecodeQueue loop = new DecodeQueue(model, cache, 2, 64, System::nanoTime)) {
      for (int i = 0; i < 10 && least > 0; i++) {
        long[] allocated = new long[1000];
        Recorder recorder =
            new Recorder() {
              @Override
              public void onToken(int token) {
                allocated[count()] = threads.getCurrentThreadAllocatedBytes();
                super.onToken(token);
              }
            };
        loop.submit(request(ONCE_PROMPT, 1000, recorder));
        recorder.await();
        least = Math.min(least, allocated[999] - allocated[300]);
      }
    }
    assertEquals(0, least, "bytes allocated by the compute thread in 700 steps");
  }

  @Test
  void shouldEndACancelledSessionAndFreeItsBlocks() throws InterruptedException {
    try (KvPool cache = new KvPool(model.kvGeometry(), 16);
        DecodeQueue loop = new DecodeQueue(model, cache, 1, 64, System::nanoTime)) {
      Recorder running = new Recorder();
      Recorder waiting = new Recorder();
      DecodeSession first = loop.submit(request(ONCE_PROMPT, 1000, running));
      DecodeSession second = loop.submit(request(ONCE_PROMPT, 1000, waiting));
      second.cancel();
      first.cancel();
      assertEquals(DecodeOutcome.End.CANCELLED, running.outcome().end());
      assertEquals(DecodeOutcome.End.CANCELLED, waiting.outcome().end());
      assertEquals(0, waiting.outcome().tokens().outputTokens());
      assertEquals(16, cache.freeBlocks());
    }
  }

  @Test
  void shouldFailWhatIsUnderWayWhenClosedAndRefuseWhatComesAfter() throws InterruptedException {
    try (KvPool cache = new KvPool(model.kvGeometry(), 16)) {
      DecodeQueue loop = new DecodeQueue(model, cache, 1, 64, System::nanoTime);
      Recorder recorder = new Recorder();
      loop.submit(request(ONCE_PROMPT, 1000, recorder));
      loop.close();
      loop.close();
      assertEquals(DecodeOutcome.End.FAILED, recorder.outcome().end());
      assertThrows(
          IllegalStateException.class, () -> loop.submit(request(ONCE_PROMPT, 10, new Recorder())));
      assertEquals(16, cache.freeBlocks());
    }
  }

  @Test
  void shouldRefuseWhatCanNeverFitAndMakeTheRestWait() throws InterruptedException {
    try (KvPool cache = new KvPool(model.kvGeometry(), 2);
        DecodeQueue loop = new DecodeQueue(model, cache, 4, 64, System::nanoTime)) {
      assertThrows(
          IllegalArgumentException.class,
          () -> loop.submit(request(ONCE_PROMPT, 1020, new Recorder())));
      assertThrows(
          IllegalArgumentException.class,
          () -> loop.submit(request(ONCE_PROMPT, 124, new Recorder())));
      Recorder one = new Recorder();
      Recorder two = new Recorder();
      loop.submit(request(ONCE_PROMPT, 100, one));
      loop.submit(request(ONCE_PROMPT, 100, two));
      assertArrayEquals(one.await(), two.await());
    }
  }

  private static DecodeRequest request(int[] prompt, int maxTokens, TokenListener listener) {
    return new DecodeRequest(
        prompt, maxTokens, SamplingParams.greedy(), token -> false, null, listener);
  }
}
