package dev.baton.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is cancelled in the middle of a pass is over, and its blocks are back, a layer later. */
@Timeout(60)
class CancelTest {
  private static final int BLOCKS = 40;
  private static final int AT_LAYER = 2;

  private static KernelChoice kernels;
  private static CpuModel tiny;

  private final PacedModel model = new PacedModel(tiny, 1_000_000, 1_000);

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

  private static int[] prompt(int tokens, int seed) {
    return new SplittableRandom(seed).ints(tokens, 2, 2002).toArray();
  }

  private static DecodeRequest request(
      int[] prompt, int maxTokens, @Nullable RemotePrefill remote, TokenListener listener) {
    return new DecodeRequest(
        prompt, maxTokens, SamplingParams.greedy(), token -> false, remote, listener);
  }

  private static int[] alone(int[] prompt, int maxTokens) throws InterruptedException {
    try (KvPool pool = new KvPool(tiny.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(tiny, pool, 1, 64, System::nanoTime)) {
      Recorder recorder = new Recorder();
      loop.submit(request(prompt, maxTokens, null, recorder));
      return recorder.await();
    }
  }

  /** Runs once, behind a layer of the pass in which that becomes true, and looks one layer on. */
  private final class Cut {
    final List<String> seen = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch looked = new CountDownLatch(1);
    private final KvPool pool;
    private final Recorder told;
    private @Nullable DecodeSession session;
    private int freeBefore;
    private boolean cut;

    Cut(KvPool pool, Recorder told) {
      this.pool = pool;
      this.told = told;
    }

    synchronized void of(DecodeSession victim) {
      session = victim;
    }

    synchronized void layer(int layer, boolean isTime) {
      if (looked.getCount() == 0) {
        return;
      }
      if (cut) {
        seen.add("layer " + layer + ", over " + told.isOver());
        seen.add("blocks " + (pool.freeBlocks() - freeBefore));
        looked.countDown();
      } else if (isTime && session != null && layer == AT_LAYER) {
        freeBefore = pool.freeBlocks();
        session.cancel();
        cut = true;
      }
    }
  }

  private void assertGoneALayerLater(Cut cut, int blocks) throws InterruptedException {
    cut.looked.await();
    assertEquals(List.of("layer " + (AT_LAYER + 1) + ", over true", "blocks " + blocks), cut.seen);
    assertEquals(DecodeOutcome.End.CANCELLED, cut.told.outcome().end());
  }

  @Test
  void shouldTakeADecodingSessionOutOfTheBatch() throws InterruptedException {
    try (KvPool pool = new KvPool(tiny.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(model, pool, 3, 64, model::nowNs)) {
      Recorder first = new Recorder();
      Recorder victim = new Recorder();
      Recorder last = new Recorder();
      Cut cut = new Cut(pool, victim);
      model.afterLayer(layer -> cut.layer(layer, first.count() > 5 && last.count() > 5));
      loop.submit(request(prompt(20, 1), 60, null, first));
      cut.of(loop.submit(request(prompt(100, 2), 60, null, victim)));
      loop.submit(request(prompt(30, 3), 60, null, last));
      assertGoneALayerLater(cut, 2);
      assertArrayEquals(alone(prompt(20, 1), 60), first.await());
      assertArrayEquals(alone(prompt(30, 3), 60), last.await());
      assertEquals(BLOCKS, pool.freeBlocks());
    }
  }

  @Test
  void shouldTakeAPrefillingSessionOutOfTheBatch() throws InterruptedException {
    try (KvPool pool = new KvPool(tiny.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(model, pool, 3, 64, model::nowNs)) {
      Recorder decoding = new Recorder();
      Recorder victim = new Recorder();
      Cut cut = new Cut(pool, victim);
      AtomicInteger layersBeside = new AtomicInteger();
      model.afterLayer(layer -> cut.layer(layer, layersBeside.incrementAndGet() > 100));
      loop.submit(request(prompt(20, 1), 200, null, decoding));
      cut.of(loop.submit(request(prompt(900, 2), 60, null, victim)));
      assertGoneALayerLater(cut, 15);
      assertArrayEquals(alone(prompt(20, 1), 200), decoding.await());
      assertEquals(BLOCKS, pool.freeBlocks());
    }
  }

  /** The prompt's pass pauses for a row of the other one, whose listener cancels it. */
  @Test
  void shouldTakeASessionOutOfAPassThatPauses() throws InterruptedException {
    PacedModel slow = new PacedModel(tiny, 10_000_000, 500_000); // a chunk takes 74 ms
    try (KvPool pool = new KvPool(tiny.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(slow, pool, 3, 128, slow::nowNs)) {
      Recorder victim = new Recorder();
      AtomicReference<DecodeSession> session = new AtomicReference<>();
      AtomicInteger freeBefore = new AtomicInteger(-1);
      AtomicInteger freeAfter = new AtomicInteger(-1);
      Recorder decoding =
          new Recorder() {
            @Override
            public void onToken(int token) {
              super.onToken(token);
              if (count() == 10) {
                session.set(loop.submit(request(prompt(900, 2), 60, null, victim)));
              } else if (slow.largestPasses().equals("3 of 128 rows")
                  && freeBefore.compareAndSet(-1, pool.freeBlocks())) {
                session.get().cancel();
              }
            }
          };
      slow.afterLayer(layer -> {
        if (freeBefore.get() >= 0) {
          freeAfter.compareAndSet(-1, pool.freeBlocks());
        }
      });
      loop.submit(request(prompt(20, 1), 200, null, decoding));
      assertEquals(DecodeOutcome.End.CANCELLED, victim.outcome().end());
      assertArrayEquals(alone(prompt(20, 1), 200), decoding.await());
      assertEquals("3 of 128 rows", slow.largestPasses());
      assertEquals(15, freeAfter.get() - freeBefore.get(), "blocks before the next layer");
      assertEquals(BLOCKS, pool.freeBlocks());
    }
  }

  /** Two prompts' pass pauses for a tiny one, and one of the two is cancelled within that pause. */
  @Test
  void shouldTakeASessionOutOfAPausedBatchOfSeveral() throws InterruptedException {
    PacedModel slow = new PacedModel(tiny, 10_000_000, 250_000);
    try (KvPool pool = new KvPool(tiny.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(slow, pool, 4, 128, slow::nowNs)) {
      Recorder warm = new Recorder();
      loop.submit(request(prompt(128, 8), 3, null, warm));
      assertArrayEquals(alone(prompt(128, 8), 3), warm.await());
      Recorder victim = new Recorder();
      Recorder other = new Recorder();
      Recorder small = new Recorder();
      CountDownLatch begun = new CountDownLatch(1);
      CountDownLatch bothThere = new CountDownLatch(1);
      AtomicReference<DecodeSession> session = new AtomicReference<>();
      AtomicInteger passes = new AtomicInteger();
      List<String> seen = Collections.synchronizedList(new ArrayList<>());
      slow.beforePass(() -> {
        if (passes.getAndIncrement() == 0) {
          begun.countDown();
          awaitQuietly(bothThere);
        }
      });
      slow.afterLayer(layer -> {
        int pass = passes.get();
        seen.add(pass + "/" + layer);
        if (pass == 2 && layer == 1) {
          loop.submit(request(prompt(5, 3), 1, null, small));
        } else if (pass == 3 && layer == 1) {
          session.get().cancel();
        }
      });
      Recorder first = new Recorder();
      loop.submit(request(prompt(128, 1), 1, null, first));
      begun.await();
      session.set(loop.submit(request(prompt(40, 4), 5, null, victim)));
      loop.submit(request(prompt(50, 2), 20, null, other));
      bothThere.countDown();
      assertArrayEquals(alone(prompt(50, 2), 20), other.await());
      assertArrayEquals(alone(prompt(5, 3), 1), small.await());
      assertEquals(DecodeOutcome.End.CANCELLED, victim.outcome().end());
      assertEquals(0, victim.count());
      assertEquals(List.of("2/0", "2/1", "3/0", "3/1"), seen.subList(6, 10), "layers of passes");
      assertEquals(BLOCKS, pool.freeBlocks());
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
  void shouldEndAQueuedRequestAndARemoteOneWhileOthersComputeAPass() throws InterruptedException {
    try (KvPool pool = new KvPool(tiny.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(model, pool, 2, 64, model::nowNs)) {
      Recorder decoding = new Recorder();
      Recorder remote = new Recorder();
      Recorder queued = new Recorder();
      Cut cutQueued = new Cut(pool, queued);
      Cut cutRemote = new Cut(pool, remote);
      model.afterLayer(layer -> {
        cutQueued.layer(layer, decoding.count() > 5);
        cutRemote.layer(layer, cutQueued.looked.getCount() == 0);
      });
      loop.submit(request(prompt(20, 1), 900, null, decoding));
      SteppedPrefill node = new SteppedPrefill(tiny);
      ChunkSchedule chunks = new ChunkSchedule(512, 64);
      RemotePrefill plan = new RemotePrefill(node, 2, chunks, KvWireType.F16, true);
      DecodeSession waiting = loop.submit(request(prompt(300, 2), 8, plan, remote));
      node.awaitOrder();
      cutRemote.of(waiting);
      cutQueued.of(loop.submit(request(prompt(30, 3), 8, null, queued)));
      assertGoneALayerLater(cutQueued, 0);
      assertGoneALayerLater(cutRemote, 5);
      assertArrayEquals(alone(prompt(20, 1), 900), decoding.await());
      assertEquals(BLOCKS, pool.freeBlocks());
    }
  }
}
