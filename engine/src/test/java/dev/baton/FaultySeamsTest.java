package dev.baton;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.cpu.CpuModel;
import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import dev.baton.fault.FaultyModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kv.KvPool;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.FaultyCompute;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillLink;
import dev.baton.node.PrefillNode;
import dev.baton.schedule.Priority;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Exceptions and errors thrown from every seam of a request, with several requests at once: each
 * ends, those that have nothing to do with it with the right bits, and every block is given back.
 */
@Timeout(300)
class FaultySeamsTest {
  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final int CHUNK = 48;
  private static final int BLOCKS = 64;
  private static final int CALLERS = 5;
  private static final int KINDS = 6;

  private static KernelChoice kernels;
  private static CpuModel model;
  private static ModelText text;
  private static Told[] right;

  @BeforeAll
  static void load() throws Exception {
    kernels = KernelChoice.open(KernelsConfig.defaults());
    model = CpuModel.load(BatonProcess.TINY, kernels.kernels(), done -> {});
    text = ModelText.of(BatonProcess.TINY);
    try (Engine engine = new Engine(false)) {
      right = new Told[KINDS];
      for (int kind = 0; kind < KINDS; kind++) {
        right[kind] = engine.start(kind, Seam.NONE, null).await();
        assertNull(right[kind].outcome.failure());
      }
    }
  }

  @AfterAll
  static void close() {
    model.close();
    kernels.kernels().close();
  }

  /** Where it is thrown. */
  private enum Seam {
    NONE,
    ON_TOKEN,
    ON_LOGITS,
    ON_PREFILL,
    ON_END,
    END_OF_GENERATION,
    STOP,
    ORDER,
    CLOSE_OF_RECEIVER,
    EMBED,
    LAYERS,
    LOGITS,
    NOT_A_NUMBER,
    IMPORT,
    EXPORT,
    PREFILL_LAYERS;

    /** Whether others that share a pass may fail with it. */
    boolean isShared() {
      return this == EMBED || this == LAYERS || this == LOGITS || this == NOT_A_NUMBER;
    }

    /** Whether it may strike a request of another caller than the one who armed it. */
    boolean isOfModel() {
      return isShared() || this == IMPORT || this == EXPORT || this == PREFILL_LAYERS;
    }
  }

  /** A decode node, and a prefill node where one is wanted, whose models can be made to fail. */
  private static final class Engine implements AutoCloseable {
    private final FaultyModel here = new FaultyModel(model);
    private final FaultyModel there = new FaultyModel(model);
    private final @Nullable NodeCompute prefill;
    private final @Nullable PrefillNode node;
    private final @Nullable StreamNode stream;
    private final @Nullable PrefillPeer peer;
    private final Baton baton;
    private final LongAdder failedCloses = new LongAdder();

    Engine(boolean remote) {
      prefill = remote ? FaultyCompute.of(there, BLOCKS) : null;
      node =
          prefill == null ? null : PrefillNode.launch(prefill, "127.0.0.1:0", CHUNK, LEASE, null);
      NodeCompute decode = FaultyCompute.of(here, BLOCKS);
      StreamConfig config = StreamConfig.builder().leaseNs(LEASE.toNanos()).build();
      stream = node == null ? null : StreamNode.launch(config, decode.identity("decode"), null);
      peer = stream == null || node == null ? null : stream.connect(node.endpoint());
      BatonConfig local =
          BatonConfig.builder(BatonProcess.TINY)
              .split(new Split.Local())
              .chunkTokens(CHUNK)
              .build();
      baton =
          new Baton(
              local,
              decode,
              text,
              new PrefillLink(
                  null,
                  config,
                  () -> {
                    throw new AssertionError();
                  }));
    }

    /** Starts the request of a kind, with a fault or without. */
    Told start(int kind, Seam seam, @Nullable Throwable fault) {
      int[] prompt = new SplittableRandom(kind).ints(20 + 25 * kind, 2, 2000).toArray();
      SamplingParams sampling =
          kind % 2 == 0 ? SamplingParams.greedy() : SamplingParams.usual(kind);
      Told told = new Told(seam, fault);
      RemotePrefill remote = null;
      PrefillPeer target = peer;
      if (target != null && kind >= KINDS / 2) {
        remote =
            new RemotePrefill(
                faulty(target, seam, fault),
                1 + kind % model.shape().layers(),
                ChunkSchedule.equal(CHUNK),
                KvWireType.F16,
                true);
      }
      arm(seam, fault);
      told.session =
          baton
              .queue()
              .submit(
                  new DecodeRequest(
                      prompt,
                      6 + 2 * kind,
                      sampling,
                      token -> strikes(seam, Seam.END_OF_GENERATION, fault),
                      token -> strikes(seam, Seam.STOP, fault),
                      remote,
                      kind % 2 == 0 ? new PrefixChain(new Prompt(prompt, 0), prompt.length) : null,
                      Priority.INTERACTIVE,
                      told));
      return told;
    }

    private static PrefillTarget faulty(
        PrefillTarget target, Seam seam, @Nullable Throwable fault) {
      return (order, sink) -> {
        boolean _ = strikes(seam, Seam.ORDER, fault);
        return seam == Seam.CLOSE_OF_RECEIVER
            ? new BadlyClosing(target.order(order, sink), fault)
            : target.order(order, sink);
      };
    }

    private void arm(Seam seam, @Nullable Throwable fault) {
      if (fault == null) {
        return;
      }
      switch (seam) {
        case EMBED -> here.arm(FaultyModel.Seam.EMBED, fault);
        case LAYERS -> here.arm(FaultyModel.Seam.LAYERS, fault);
        case LOGITS -> here.arm(FaultyModel.Seam.LOGITS, fault);
        case NOT_A_NUMBER -> here.spoilLogits();
        case IMPORT -> here.arm(FaultyModel.Seam.IMPORT, fault);
        case EXPORT -> there.arm(FaultyModel.Seam.EXPORT, fault);
        case PREFILL_LAYERS -> there.arm(FaultyModel.Seam.LAYERS, fault);
        default -> {}
      }
    }

    void assertBlocksAreBack() throws InterruptedException {
      assertAllFree(baton.compute().pool());
      if (prefill != null) {
        assertAllFree(prefill.pool());
      }
    }

    private static void assertAllFree(KvPool pool) throws InterruptedException {
      for (int i = 0; i < 1000 && pool.freeBlocks() < pool.totalBlocks(); i++) {
        Thread.sleep(10);
      }
      assertEquals(pool.totalBlocks(), pool.freeBlocks());
    }

    @Override
    public void close() {
      baton.close();
      if (stream != null) {
        stream.close();
      }
      if (node != null) {
        node.close();
      }
      if (prefill != null) {
        prefill.close();
      }
    }
  }

  private static boolean strikes(Seam armed, Seam here, @Nullable Throwable fault) {
    if (armed == here && fault != null) {
      FaultyModel.<RuntimeException>sneak(fault);
    }
    return false;
  }

  /** What a request told, and a listener that throws. */
  private static final class Told implements TokenListener {
    private final Seam seam;
    private final @Nullable Throwable fault;
    private final int[] tokens = new int[64];
    private final List<Integer> logits = new ArrayList<>();
    private final CountDownLatch ended = new CountDownLatch(1);
    private dev.baton.decode.DecodeSession session;
    private int count;
    private volatile int ends;
    private volatile DecodeOutcome outcome;

    Told(Seam seam, @Nullable Throwable fault) {
      this.seam = seam;
      this.fault = fault;
    }

    @Override
    public void onToken(int token) {
      tokens[count++] = token;
      if (count == 3) {
        boolean _ = strikes(seam, Seam.ON_TOKEN, fault);
      }
    }

    @Override
    public void onLogits(MemorySegment all, long row) {
      long bytes = model.shape().vocab() * (long) Float.BYTES;
      logits.add(Arrays.hashCode(all.asSlice(row * bytes, bytes).toArray(ValueLayout.JAVA_INT)));
      boolean _ = strikes(seam, Seam.ON_LOGITS, fault);
    }

    @Override
    public void onPrefill(int done, int total) {
      boolean _ = strikes(seam, Seam.ON_PREFILL, fault);
    }

    @Override
    public void onEnd(DecodeOutcome end) {
      outcome = end;
      ends++;
      ended.countDown();
      boolean _ = strikes(seam, Seam.ON_END, fault);
    }

    Told await() throws InterruptedException {
      assertTrue(ended.await(60, TimeUnit.SECONDS), () -> "no end, with a fault at " + seam);
      return this;
    }

    void assertRight(int kind) {
      assertNull(outcome.failure(), () -> "a fault at " + seam);
      assertArrayEquals(right[kind].tokens, tokens);
      assertEquals(right[kind].logits, logits);
      assertEquals(1, ends);
    }
  }

  private static Throwable exception(SplittableRandom random, String name) {
    return switch (random.nextInt(4)) {
      case 0 -> new IllegalStateException(name);
      case 1 -> new IOException(name); // no seam declares it, and Kotlin throws it all the same
      case 2 -> new NullPointerException(name);
      default -> new IllegalArgumentException(name);
    };
  }

  private static Error error(SplittableRandom random, String name) {
    return switch (random.nextInt(4)) {
      case 0 -> new OutOfMemoryError(name);
      case 1 -> new StackOverflowError(name);
      case 2 -> new NoClassDefFoundError(name);
      default -> new AssertionError(name);
    };
  }

  @Test
  void shouldEndWhatAnExceptionConcernsAndNothingElse() throws Exception {
    throwExceptions(500, 18);
  }

  private static void throwExceptions(int requests, long seed) throws Exception {
    System.out.println("seed " + seed);
    try (Engine engine = new Engine(true);
        ExecutorService callers = Executors.newFixedThreadPool(CALLERS)) {
      List<Future<?>> running = new ArrayList<>();
      for (int caller = 0; caller < CALLERS; caller++) {
        SplittableRandom random = new SplittableRandom(seed + caller);
        running.add(
            callers.submit(() -> {
              for (int i = 0; i < requests / CALLERS; i++) {
                request(engine, random);
              }
              return null;
            }));
      }
      for (Future<?> one : running) {
        one.get();
      }
      // Faults that struck nobody may still be armed; what follows takes them.
      for (int kind = 0; kind < KINDS; kind++) {
        engine.start(kind, Seam.NONE, null).await();
        engine.start(KINDS - 1, Seam.NONE, null).await();
      }
      for (int kind = 0; kind < KINDS; kind++) {
        Told told = engine.start(kind, Seam.NONE, null).await();
        told.assertRight(kind);
        assertNull(told.outcome.fallback());
      }
      assertTrue(
          engine.failedCloses.sum() > 0, "a receiver that cannot be closed ends its request");
      engine.assertBlocksAreBack();
    }
  }

  private static void request(Engine engine, SplittableRandom random) throws Exception {
    Seam seam = Seam.values()[random.nextInt(Seam.values().length)];
    int kind = random.nextInt(KINDS);
    Throwable fault = exception(random, "a fault at " + seam);
    Told told = engine.start(kind, seam, seam == Seam.NONE ? null : fault).await();
    String failure = told.outcome.failure();
    if (failure == null) {
      told.assertRight(kind);
    } else {
      // Its own fault, or that of a model which it had a pass with.
      assertTrue(
          failure.contains("a fault at ") || failure.contains("NaN"), () -> seam + ": " + failure);
      boolean own = failure.contains(seam.name());
      boolean shared =
          Arrays.stream(Seam.values())
              .anyMatch(other -> other.isShared() && failure.contains(other.name()));
      assertTrue(own || shared || failure.contains("NaN"), () -> seam + ": " + failure);
    }
    boolean always =
        switch (seam) {
          case ON_TOKEN, ON_LOGITS, END_OF_GENERATION, STOP -> true;
          // A receiver that is closed when the answer is whole spoils nothing any more.
          case ORDER -> kind >= KINDS / 2;
          default -> false;
        };
    assertFalse(always && failure == null, () -> "no failure with a fault at " + seam);
    if (seam == Seam.CLOSE_OF_RECEIVER && failure != null) {
      engine.failedCloses.increment();
    }
  }

  @Test
  void shouldEndAllWithTheReasonAndRefuseMoreAfterAnError() throws Exception {
    throwErrors(40, 19);
  }

  private static void throwErrors(int engines, long seed) throws Exception {
    System.out.println("seed " + seed);
    for (int i = 0; i < engines; i++) {
      SplittableRandom random = new SplittableRandom(seed * 1_000 + i);
      Seam[] seams = {
        Seam.ON_TOKEN,
        Seam.ON_LOGITS,
        Seam.ON_END,
        Seam.END_OF_GENERATION,
        Seam.STOP,
        Seam.EMBED,
        Seam.LAYERS,
        Seam.LOGITS,
        Seam.ORDER,
        Seam.CLOSE_OF_RECEIVER,
        Seam.IMPORT,
        Seam.EXPORT,
        Seam.PREFILL_LAYERS
      };
      Seam seam = seams[i % seams.length];
      Error fault = error(random, "a fault at " + seam);
      boolean streams = seam.ordinal() >= Seam.ORDER.ordinal() && !seam.isShared();
      try (Engine engine = new Engine(streams)) {
        List<Told> all = new ArrayList<>();
        int faulty = random.nextInt(4);
        for (int n = 0; n < 4; n++) {
          all.add(
              startUnlessClosed(
                  engine, streams ? KINDS - 1 - n % 3 : n, n == faulty ? seam : Seam.NONE, fault));
        }
        for (int n = 0; n < 4; n++) {
          Told told = all.get(n);
          if (told != null) {
            assertEndedBy(fault, told.await(), streams ? KINDS - 1 - n % 3 : n);
          }
        }
        if (seam.isOfModel() && !seam.isShared()) {
          assertTheStreamIsOver(engine, fault);
        } else {
          assertRefuses(engine, fault);
        }
        engine.assertBlocksAreBack();
      }
    }
  }

  private static @Nullable Told startUnlessClosed(
      Engine engine, int kind, Seam seam, Throwable fault) {
    try {
      return engine.start(kind, seam, seam == Seam.NONE ? null : fault);
    } catch (IllegalStateException e) {
      assertNames(fault, e.getMessage());
      return null;
    }
  }

  /** It was done before, or went on here, or failed with the reason. */
  private static void assertEndedBy(Error fault, Told told, int kind) {
    assertEquals(1, told.ends);
    if (told.outcome.failure() == null) {
      told.assertRight(kind);
    } else {
      assertNames(fault, told.outcome.failure());
    }
  }

  private static void assertNames(Throwable fault, @Nullable String reason) {
    assertNotNull(reason);
    assertTrue(
        reason.contains(
            fault instanceof OutOfMemoryError ? "out of memory" : fault.getClass().getName()),
        reason);
    assertTrue(reason.contains(String.valueOf(fault.getMessage())), reason);
  }

  private static void assertRefuses(Engine engine, Error fault) throws InterruptedException {
    engine.baton.queue().scheduler().thread().join(60_000);
    GenerateRequest any = GenerateRequest.of("The little fox").asRaw();
    assertNames(
        fault,
        assertThrows(IllegalStateException.class, () -> engine.baton.generate(any)).getMessage());
  }

  /** The decode node goes on alone. */
  private static void assertTheStreamIsOver(Engine engine, Error fault) throws Exception {
    PrefillPeer peer = engine.peer;
    assertNotNull(peer);
    for (int i = 0; i < 1000 && peer.isAlive(); i++) {
      Thread.sleep(10);
    }
    String reason = String.valueOf(peer.lostReason());
    assertTrue(reason.contains(fault.getClass().getName()), reason);
    Told told = engine.start(KINDS - 1, Seam.NONE, null).await();
    told.assertRight(KINDS - 1);
    assertNotNull(told.outcome.fallback());
  }
}
