package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.BatonProcess;
import dev.baton.GenerateRequest;
import dev.baton.Report;
import dev.baton.Split;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Either side killed and stopped at points of the transfer that a seed chooses. */
@Timeout(180)
class NodeFaultIT {
  private static final Duration LEASE = Duration.ofSeconds(3);
  private static final GenerateRequest LONG =
      RelayedNodes.request(RelayedNodes.WHOLE_CONTEXT, new Split.Remote());

  /** Slow enough for there to be a middle. */
  private static final Fault SLOW = new Fault.Bandwidth(5_000_000, 4 << 20);

  private static RelayedNodes nodes;

  @BeforeAll
  static void open() {
    nodes = RelayedNodes.open(LEASE, 11);
    nodes.local(LONG);
  }

  @AfterAll
  static void close() {
    nodes.close();
  }

  /** Bytes of KV after which something happens. */
  private static long point(long seed) {
    System.out.println("seed " + seed);
    return (long)
        (RelayedNodes.WHOLE_CONTEXT_KV_BYTES * new SplittableRandom(seed).nextDouble(0, 0.9));
  }

  private static void stopFor(Relay relay, BatonProcess process, long point, long ms) {
    relay.afterBytes(
        Relay.Way.TO_DECODE,
        point,
        () -> {
          process.signal("STOP");
          relay.drop();
          Thread.ofVirtual()
              .start(() -> {
                BatonProcess.pause(ms);
                process.signal("CONT");
              });
        });
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void shouldFinishTheAnswerWhenThePrefillNodeIsKilled(long seed) {
    nodes.relay.suffer(SLOW);
    nodes.relay.afterBytes(
        Relay.Way.TO_DECODE,
        point(seed),
        () -> {
          nodes.node().process().destroyForcibly();
          nodes.relay.drop();
        });
    Report report = nodes.assertSameAnswer(LONG);
    assertNotNull(report.fallback(), report::toString);
    long killed = nodes.node().process().pid();
    nodes.restartNode();
    assertEquals(List.of(), Footprint.filesOf(killed));
    nodes.assertNothingIsLeft();
  }

  @ParameterizedTest
  @ValueSource(longs = {4, 5, 6})
  void shouldFreeEverythingOfADecodeNodeThatIsKilled(long seed) {
    long killed;
    try (DecodeProcess decode = new DecodeProcess(nodes, LONG, SLOW, seed)) {
      killed = decode.process.process().pid();
      decode.relay.afterBytes(
          Relay.Way.TO_DECODE, point(seed), () -> decode.process.process().destroyForcibly());
      assertEquals(137, decode.process.await(), decode.process.err());
      nodes.assertNothingIsLeft();
    }
    try (DecodeProcess next = new DecodeProcess(nodes, LONG, new Fault.Loss(0), seed)) {
      assertTrue(next.awaitSame(nodes.local(LONG)).path("fallback").isNull());
    }
    assertEquals(List.of(), Footprint.filesOf(killed));
  }

  @Test
  void shouldGoOnWhenThePrefillNodeStopsForASecond() {
    nodes.relay.suffer(SLOW);
    stopFor(nodes.relay, nodes.node(), point(7), 1_000);
    nodes.assertGoesOn(LONG);
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldFinishWithoutAPrefillNodeThatStopsForLongerThanTheLeaseAndTakeItBackLater() {
    nodes.relay.suffer(SLOW);
    stopFor(nodes.relay, nodes.node(), point(8), LEASE.toMillis() + 3_000);
    Report report = nodes.assertSameAnswer(LONG);
    assertTrue(String.valueOf(report.fallback()).contains("has been silent for"), report::toString);
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldGoOnWhenTheDecodeNodeStopsForASecond() {
    try (DecodeProcess decode = new DecodeProcess(nodes, LONG, SLOW, 9)) {
      stopFor(decode.relay, decode.process, point(9), 1_000);
      var report = decode.awaitSame(nodes.local(LONG));
      assertTrue(report.path("fallback").isNull(), report::toString);
    }
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldTakeTheBlocksOfADecodeNodeThatStopsForLongerThanTheLeaseAndTellItSoWhenItWakes() {
    try (DecodeProcess decode = new DecodeProcess(nodes, LONG, SLOW, 10)) {
      boolean[] stopped = new boolean[1];
      decode.relay.afterBytes(
          Relay.Way.TO_DECODE,
          point(10),
          () -> {
            decode.process.signal("STOP");
            stopped[0] = true;
          });
      assertTrue(RelayedNodes.await(() -> stopped[0]));
      nodes.assertNothingIsLeft();
      decode.process.signal("CONT");
      var report = decode.awaitSame(nodes.local(LONG));
      assertFalse(report.path("fallback").isNull(), report::toString);
      System.out.println("woke up to: " + report.path("fallback").asString());
    }
  }
}
