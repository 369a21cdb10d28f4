package dev.baton.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.BatonProcess;
import dev.baton.catalog.ModelCatalog;
import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.RemotePrefill;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.NodeCompute;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TrialTest {
  private static final int CHUNK = 64;

  private final NodeCompute compute =
      NodeCompute.open(
          ModelCatalog.of(Map.of()).resolve("baton-tiny"),
          KernelsConfig.fromEnvironment(System.getenv()).withThreads(1),
          done -> {});
  private final DecodeQueue loop =
      new DecodeQueue(compute.model(), compute.pool(), 4, CHUNK, System::nanoTime);
  private final Trial trial = new Trial(loop, compute.model().shape().vocab());

  @AfterEach
  void close() {
    loop.close();
    compute.close();
  }

  @Test
  void shouldRunRequestsOfTheLengthsAskedFor() throws InterruptedException {
    List<DecodeOutcome> outcomes = trial.run(3, 40, 7, null, Trial.NO_LIMIT);
    assertEquals(3, outcomes.size());
    for (DecodeOutcome outcome : outcomes) {
      assertEquals(40, outcome.tokens().promptTokens());
      assertEquals(7, outcome.tokens().outputTokens());
    }
  }

  @Test
  void shouldWaitForCallersAndBeginAnew() throws Exception {
    trial.callerBegins();
    CompletableFuture<List<DecodeOutcome>> run = start(600);
    assertThrows(TimeoutException.class, () -> run.get(300, TimeUnit.MILLISECONDS));
    trial.callerEnds();
    assertEquals(600, run.get().getFirst().tokens().outputTokens());
  }

  @Test
  void shouldGiveWayToACallerInTheMiddle() throws Exception {
    CompletableFuture<List<DecodeOutcome>> run = start(900);
    while (isIdle()) {
      Thread.onSpinWait();
    }
    trial.callerBegins();
    while (!isIdle()) {
      Thread.sleep(1);
    }
    Thread.sleep(100);
    assertTrue(isIdle(), "begun anew while the caller was there");
    assertFalse(run.isDone());
    trial.callerEnds();
    assertEquals(900, run.get().getFirst().tokens().outputTokens());
  }

  @Test
  void shouldSayWhyARequestFailed() throws Exception {
    CompletableFuture<List<DecodeOutcome>> run = start(900);
    Thread.sleep(30);
    loop.close();
    ExecutionException failure = assertThrows(ExecutionException.class, run::get);
    assertTrue(failure.getCause() instanceof IllegalStateException, failure.toString());
  }

  @Test
  void shouldMeasureAnewWhereTheNodeToldItsTimesTooLate() throws Exception {
    AtomicInteger late = new AtomicInteger(2);
    try (BatonProcess node = BatonProcess.start("node", "--model", BatonProcess.TINY.toString());
        StreamNode stream =
            StreamNode.launch(
                StreamConfig.builder().build(), compute.identity("a decode node"), null);
        PrefillPeer peer = stream.connect(node.awaitReady())) {
      PrefillTarget target =
          (order, sink) -> reporting(peer.order(order, sink), late.getAndDecrement() > 0);
      RemotePrefill remote =
          new RemotePrefill(target, 3, ChunkSchedule.equal(CHUNK), KvWireType.F16, true);
      List<DecodeOutcome> outcomes = trial.run(1, 20, 2, remote, Trial.NO_LIMIT);
      TransferReport transfer = outcomes.getFirst().transfer();
      assertNotNull(transfer);
      assertTrue(transfer.computeEndNs() > transfer.computeStartNs(), transfer::toString);
      assertEquals(-1, late.get(), "requests");
      late.set(Integer.MAX_VALUE);
      CalibrationException never =
          assertThrows(
              CalibrationException.class, () -> trial.run(1, 20, 2, remote, Trial.NO_LIMIT));
      assertTrue(never.getMessage().contains("did not say in time"), never.getMessage());
    }
  }

  /** The receiver, or one that reports as before the node's last message. */
  private static KvReceiver reporting(KvReceiver receiver, boolean tooEarly) {
    return (KvReceiver)
        Proxy.newProxyInstance(
            TrialTest.class.getClassLoader(),
            new Class<?>[] {KvReceiver.class},
            (_, method, words) -> {
              Object answer = method.invoke(receiver, words);
              return tooEarly && answer instanceof TransferReport it
                  ? new TransferReport(
                      it.kvBytes(),
                      it.hiddenBytes(),
                      0,
                      it.orderedNs(),
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      null)
                  : answer;
            });
  }

  private boolean isIdle() {
    return compute.pool().freeBlocks() == compute.pool().totalBlocks();
  }

  private CompletableFuture<List<DecodeOutcome>> start(int outputTokens) {
    return CompletableFuture.supplyAsync(() -> {
      try {
        return trial.run(1, 8, outputTokens, null, Trial.NO_LIMIT);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      } catch (CalibrationException e) {
        throw new IllegalStateException(e.getMessage(), e);
      }
    });
  }
}
