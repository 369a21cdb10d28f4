package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.cpu.CpuModel;
import dev.baton.fault.FaultyModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kvstream.StreamConfig;
import dev.baton.node.FaultyCompute;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillLink;
import dev.baton.node.PrefillNode;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An engine and a node end within two seconds, whatever they are doing. */
@Timeout(180)
class CloseTest {
  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final long LIMIT_MS = 2_000;
  private static final int BLOCKS = 64;

  /** Where seven builds share two cores, a thread may not be run for seconds. */
  private static final int TRIES = 3;

  private static KernelChoice kernels;
  private static CpuModel model;
  private static ModelText text;

  @BeforeAll
  static void load() {
    kernels = KernelChoice.open(KernelsConfig.defaults());
    model = CpuModel.load(BatonProcess.TINY, kernels.kernels(), done -> {});
    text = ModelText.of(BatonProcess.TINY);
  }

  @AfterAll
  static void close() {
    model.close();
    kernels.kernels().close();
  }

  private static Baton engine(FaultyModel faulty, @Nullable PrefillNode node) {
    BatonConfig config =
        BatonConfig.builder(BatonProcess.TINY)
            .split(node == null ? new Split.Local() : new Split.Remote())
            .prefill(node == null ? null : node.endpoint())
            .chunkTokens(512)
            .lease(LEASE)
            .build();
    return new Baton(
        config,
        FaultyCompute.of(faulty, BLOCKS),
        text,
        new PrefillLink(
            config.prefill(),
            StreamConfig.builder().leaseNs(LEASE.toNanos()).build(),
            () -> {
              throw new AssertionError();
            }));
  }

  private static GenerateRequest request() {
    return GenerateRequest.of("Once upon a time, " + "a fox and a bird ".repeat(60))
        .withMaxTokens(300);
  }

  /** What happens to an engine before it is closed. */
  private interface State {
    void reach(Baton baton, Generation answer) throws Exception;
  }

  private static void assertClosesInTime(FaultyModel faulty, State state) throws Exception {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < TRIES && best > LIMIT_MS; i++) {
      Baton baton = engine(faulty, null);
      Generation answer = baton.generate(request());
      state.reach(baton, answer);
      best = Math.min(best, closeMs(baton));
      String why =
          assertThrows(
                  BatonException.class,
                  () -> {
                    while (answer.next() != null) {
                      // What was made before the end.
                    }
                  })
              .getMessage();
      assertEquals("the engine was closed", why);
      assertEquals(BLOCKS, baton.compute().pool().freeBlocks());
    }
    assertTrue(best <= LIMIT_MS, best + " ms");
  }

  private static long closeMs(AutoCloseable open) throws Exception {
    long startNs = System.nanoTime();
    open.close();
    open.close();
    return (System.nanoTime() - startNs) / 1_000_000;
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    for (int i = 0; i < 6_000 && !condition.getAsBoolean(); i++) {
      Thread.sleep(10);
    }
    assertTrue(condition.getAsBoolean());
  }

  @Test
  void shouldCloseIdle() throws Exception {
    long ms = closeMs(engine(new FaultyModel(model), null));
    assertTrue(ms <= LIMIT_MS, ms + " ms");
  }

  @Test
  void shouldCloseInAPassAfterTheLayerAtHand() throws Exception {
    FaultyModel slow = new FaultyModel(model);
    slow.slow(700); // so that a whole pass takes longer than may be waited for
    assertClosesInTime(slow, (baton, answer) -> await(slow::isInLayers));
    await(slow::isClosed);
  }

  @Test
  void shouldLeaveAComputationThatHangsBehindAndFreeNothingUnderIt() throws Exception {
    FaultyModel hanging = new FaultyModel(model);
    CountDownLatch until = new CountDownLatch(1);
    hanging.hang(until);
    assertClosesInTime(hanging, (baton, answer) -> await(hanging::isInLayers));
    Thread.sleep(200);
    assertFalse(hanging.isClosed(), "the model is freed under a computation");
    until.countDown();
    await(hanging::isClosed);
  }

  @Test
  void shouldCloseFromAListenersThread() throws Exception {
    Baton baton = engine(new FaultyModel(model), null);
    CountDownLatch closed = new CountDownLatch(1);
    dev.baton.decode.TokenListener closing =
        new dev.baton.decode.TokenListener() {
          @Override
          public void onToken(int token) {
            baton.close();
          }

          @Override
          public void onEnd(dev.baton.decode.DecodeOutcome outcome) {
            closed.countDown();
          }
        };
    baton
        .queue()
        .submit(
            new dev.baton.decode.DecodeRequest(
                new int[] {458, 504},
                8,
                dev.baton.decode.SamplingParams.greedy(),
                token -> false,
                null,
                closing));
    assertTrue(closed.await(60, TimeUnit.SECONDS));
    baton.queue().scheduler().thread().join(60_000);
    assertFalse(baton.queue().scheduler().thread().isAlive());
  }

  @Test
  void shouldEndTheOpeningWhenItsProgressThrows() {
    BatonConfig config = BatonConfig.builder(BatonProcess.TINY).build();
    long startNs = System.nanoTime();
    assertThrows(
        IllegalStateException.class,
        () ->
            Baton.open(
                config,
                done -> {
                  throw new IllegalStateException("not wanted any more");
                }));
    assertTrue(System.nanoTime() - startNs < TimeUnit.SECONDS.toNanos(60));
    assertTrue(ProcessHandle.current().children().noneMatch(ProcessHandle::isAlive));
  }

  @Test
  void shouldCloseAPrefillNodeThatComputesAndOneThatHangs() throws Exception {
    for (boolean hangs : new boolean[] {false, true}) {
      long best = Long.MAX_VALUE;
      for (int i = 0; i < TRIES && best > LIMIT_MS; i++) {
        FaultyModel there = new FaultyModel(model);
        CountDownLatch until = new CountDownLatch(1);
        NodeCompute compute = FaultyCompute.of(there, BLOCKS);
        PrefillNode node = PrefillNode.launch(compute, "127.0.0.1:0", 512, LEASE, null);
        there.slow(700);
        if (hangs) {
          there.hang(until);
        }
        try (Baton baton = engine(new FaultyModel(model), node);
            Generation answer = baton.generate(request())) {
          await(there::isInLayers); // an order alone is not yet a computation
          long ms = closeMs(node);
          compute.close();
          best = Math.min(best, ms);
          String end = endOf(answer); // gone on with here
          assertTrue(end.equals("length") || end.equals("end"), end);
          assertTrue(String.valueOf(answer.report().fallback()).contains("has left"));
          if (hangs) {
            assertFalse(there.isClosed(), "the model is freed under a computation");
          }
          until.countDown();
          await(there::isClosed);
          assertEquals(BLOCKS, compute.pool().freeBlocks());
        }
      }
      assertTrue(best <= LIMIT_MS, best + " ms");
    }
  }

  @Test
  void shouldCloseBehindAnImportThatHangs() throws Exception {
    FaultyModel here = new FaultyModel(model);
    CountDownLatch until = new CountDownLatch(1);
    try (NodeCompute compute = FaultyCompute.of(new FaultyModel(model), BLOCKS);
        PrefillNode node = PrefillNode.launch(compute, "127.0.0.1:0", 512, LEASE, null)) {
      Baton baton = engine(here, node);
      here.hang(until);
      Generation answer = baton.generate(request());
      Thread.sleep(500);
      long ms = closeMs(baton);
      assertThrows(BatonException.class, () -> endOf(answer));
      assertTrue(ms <= LIMIT_MS, ms + " ms");
      assertFalse(here.isClosed(), "the model is freed under an import");
      until.countDown();
      await(here::isClosed);
    }
  }

  private static String endOf(Generation answer) throws InterruptedException {
    while (answer.next() != null) {
      // What is said is of no concern.
    }
    return answer.report().end();
  }
}
