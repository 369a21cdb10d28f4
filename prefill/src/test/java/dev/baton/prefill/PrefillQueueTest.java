package dev.baton.prefill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.cpu.CpuModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kv.KvPool;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.Stage;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class PrefillQueueTest {
  private static final Path BATON_TINY =
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

  private static KernelChoice kernels;
  private static CpuModel model;

  /** Sessions in the order in which their chunks began. */
  private final List<Long> chunks = Collections.synchronizedList(new ArrayList<>());

  @BeforeAll
  static void load() {
    kernels = KernelChoice.open(KernelsConfig.defaults());
    model = CpuModel.load(BATON_TINY, kernels.kernels(), done -> {});
  }

  @AfterAll
  static void close() {
    model.close();
    kernels.kernels().close();
  }

  @Test
  void shouldEndAShortPromptSoonThatArrivesBehindALongOne() throws InterruptedException {
    try (KvPool cache = new KvPool(model.kvGeometry(), 32);
        PrefillQueue worker = new PrefillQueue(model, cache, 32, System::nanoTime)) {
      Sender slow = new Sender(1, true);
      Sender quick = new Sender(2, false);
      assertNull(worker.accept(order(1, 640, ChunkSchedule.equal(32)), slow));
      slow.begun.await();
      assertNull(worker.accept(order(2, 128, ChunkSchedule.equal(32)), quick));
      slow.mayGoOn.countDown();
      quick.await();
      slow.await();
      assertEquals(24, chunks.size());
      int last = chunks.lastIndexOf(2L);
      assertTrue(last <= 6, "four chunks of its own and every fourth of the other: " + chunks);
      assertTrue(chunks.subList(1, last).contains(1L), "the long one gets on: " + chunks);
      worker.released(1);
      worker.released(2);
      assertEquals(0, worker.sessions());
    }
  }

  @Test
  void shouldFollowTheScheduleAndHandOverTheLastRowAlone() throws InterruptedException {
    try (KvPool cache = new KvPool(model.kvGeometry(), 32);
        PrefillQueue worker = new PrefillQueue(model, cache, 64, System::nanoTime)) {
      Sender sender = new Sender(1, false);
      assertNull(worker.accept(order(1, 200, new ChunkSchedule(64, 16)), sender));
      sender.await();
      assertEquals(List.of("0+64", "64+64", "128+48", "176+24"), sender.slices);
      assertEquals(List.of("199+1"), sender.hiddenRows);
      worker.released(1);
      for (int i = 0; i < 500 && cache.freeBlocks() < 32; i++) {
        Thread.sleep(10);
      }
      assertEquals(32, cache.freeBlocks());
    }
  }

  @Test
  void shouldFailWhatIsUnderWayWhenClosedAndGiveTheBlocksBack() throws InterruptedException {
    try (KvPool cache = new KvPool(model.kvGeometry(), 32)) {
      PrefillQueue worker = new PrefillQueue(model, cache, 32, System::nanoTime);
      Sender running = new Sender(1, true);
      Sender waiting = new Sender(2, false);
      assertNull(worker.accept(order(1, 640, ChunkSchedule.equal(32)), running));
      running.begun.await();
      assertNull(worker.accept(order(2, 640, ChunkSchedule.equal(32)), waiting));
      Thread closing = Thread.ofPlatform().start(worker::close);
      waiting.await();
      running.mayGoOn.countDown();
      closing.join();
      worker.close();
      assertNotNull(running.failure);
      assertNotNull(waiting.failure);
      assertNotNull(worker.accept(order(3, 64, ChunkSchedule.equal(32)), new Sender(3, false)));
      worker.released(1);
      worker.released(2);
      assertEquals(32, cache.freeBlocks());
    }
  }

  @Test
  void shouldDoOthersWhileAnOrdersRowsHaveNoRoomAndComputeAgainWhatIsWantedAgain()
      throws InterruptedException {
    try (KvPool cache = new KvPool(model.kvGeometry(), 32);
        PrefillQueue worker = new PrefillQueue(model, cache, 32, System::nanoTime)) {
      Sender parked = new Sender(1, false);
      parked.room = 40;
      assertNull(worker.accept(order(1, 96, Stage.below(3, 6)), parked));
      Sender other = new Sender(2, false);
      assertNull(worker.accept(order(2, 320, ChunkSchedule.equal(32)), other));
      other.await();
      assertEquals(List.of("0+32"), parked.hiddenRows, "the second chunk has no room");
      parked.room = 1000;
      parked.tellRoom();
      parked.await();
      assertEquals(List.of("0+32", "32+32", "64+32"), parked.hiddenRows);
      worker.released(2);
      // All was done; the receiver has lost rows from 40 on.
      parked.next = 40;
      parked.ended = new CountDownLatch(1);
      parked.tellRoom();
      parked.await();
      assertEquals(List.of("40+32", "72+24"), parked.hiddenRows.subList(3, 5));
      worker.released(1);
      for (int i = 0; i < 500 && cache.freeBlocks() < 32; i++) {
        Thread.sleep(10);
      }
      assertEquals(32, cache.freeBlocks());
    }
  }

  /** The order that is computed, and one that waits behind it. */
  @Test
  void shouldHaveTheBlocksOfWhatIsCancelledBackALayerLater() throws InterruptedException {
    try (KvPool cache = new KvPool(model.kvGeometry(), 32);
        PrefillQueue worker = new PrefillQueue(model, cache, 32, System::nanoTime)) {
      Sender running = new Sender(1, true);
      Sender waiting = new Sender(2, false);
      int[] free = new int[model.shape().layers()];
      running.onLayer =
          layer -> {
            free[layer] = cache.freeBlocks();
            if (layer == 1) {
              waiting.over = true;
              worker.released(2);
            } else if (layer == 3) {
              running.over = true;
              worker.released(1);
            }
          };
      assertNull(worker.accept(order(1, 640, ChunkSchedule.equal(32)), running));
      running.begun.await();
      assertNull(worker.accept(order(2, 320, ChunkSchedule.equal(32)), waiting));
      running.mayGoOn.countDown();
      for (int i = 0; i < 500 && cache.freeBlocks() < 32; i++) {
        Thread.sleep(10);
      }
      assertEquals(32, cache.freeBlocks());
      assertEquals(List.of(17, 17, 22, 22), Arrays.stream(free).limit(4).boxed().toList());
      assertEquals(0, free[4], "the pass of a cancelled order went on");
      assertEquals(List.of(), waiting.slices);
    }
  }

  private static PrefillOrder order(long session, int tokens, Stage stage) {
    Prompt prompt = order(session, tokens, ChunkSchedule.equal(32)).prompt();
    return new PrefillOrder(session, prompt, stage, ChunkSchedule.equal(32), KvWireType.F16);
  }

  private static PrefillOrder order(long session, int tokens, ChunkSchedule schedule) {
    int[] prompt = new int[tokens];
    for (int i = 0; i < tokens; i++) {
      prompt[i] = 2 + (int) (i * 37 + session) % 2000;
    }
    int layers = model.shape().layers();
    return new PrefillOrder(
        session, new Prompt(prompt, 0), Stage.below(layers, layers), schedule, KvWireType.F16);
  }

  /** Writes down what it is handed; on request it holds the worker up before the first chunk. */
  private final class Sender implements KvSender {
    private final long session;
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch mayGoOn;
    private volatile CountDownLatch ended = new CountDownLatch(1);
    private volatile int room = Integer.MAX_VALUE;
    private volatile int next;
    private Runnable onRoom = () -> {};
    private final List<String> slices = new ArrayList<>();
    private final List<String> hiddenRows = new ArrayList<>();
    private volatile @Nullable String failure;
    private volatile boolean over;
    private volatile IntConsumer onLayer = _ -> {};

    Sender(long session, boolean holdsUp) {
      this.session = session;
      this.mayGoOn = new CountDownLatch(holdsUp ? 1 : 0);
    }

    @Override
    public void begin(KvSource source) {
      begun.countDown();
      try {
        mayGoOn.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public void slice(int layer, int firstToken, int tokens) {
      onLayer.accept(layer);
      if (layer == 0) {
        chunks.add(session);
        slices.add(firstToken + "+" + tokens);
      }
    }

    @Override
    public void hidden(int firstToken, int tokens, MemorySegment rows, long row) {
      hiddenRows.add(firstToken + "+" + tokens);
      next = firstToken + tokens;
      room -= tokens;
    }

    @Override
    public int rowsRoom() {
      return room;
    }

    @Override
    public int rowsFrom() {
      return next;
    }

    @Override
    public void onRoom(Runnable action) {
      onRoom = action;
    }

    void tellRoom() {
      onRoom.run();
    }

    @Override
    public void done(long computeStartNs, long computeEndNs) {
      ended.countDown();
    }

    @Override
    public void fail(String reason) {
      failure = reason;
      ended.countDown();
    }

    @Override
    public boolean isOver() {
      return over;
    }

    void await() throws InterruptedException {
      assertTrue(ended.await(60, TimeUnit.SECONDS), "session " + session + " did not end");
    }
  }
}
