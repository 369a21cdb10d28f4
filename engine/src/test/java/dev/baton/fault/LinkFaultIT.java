package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.BatonProcess;
import dev.baton.GenerateRequest;
import dev.baton.Report;
import dev.baton.Split;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What links do to datagrams, and what it does to an answer: nothing. */
@Timeout(180)
class LinkFaultIT {
  private static final long SEED = 4;
  private static final Duration LEASE = Duration.ofSeconds(5);
  private static final GenerateRequest LONG =
      RelayedNodes.request(RelayedNodes.WHOLE_CONTEXT, new Split.Remote());

  private static RelayedNodes nodes;

  @BeforeAll
  static void open() {
    nodes = RelayedNodes.open(LEASE, SEED);
  }

  @AfterAll
  static void close() {
    nodes.close();
  }

  static Stream<Fault> faultsOfAWorkingLink() {
    return Stream.of(
        new Fault.Loss(0.01),
        new Fault.Loss(0.05),
        new Fault.Twice(0.2),
        new Fault.Overtaken(0.1, 5),
        new Fault.Delay(50, 20));
  }

  @ParameterizedTest
  @MethodSource("faultsOfAWorkingLink")
  void shouldGoOnWithTheSameAnswerOver(Fault fault) {
    nodes.relay.suffer(fault);
    for (Split split : new Split[] {new Split.Remote(), new Split.At(2)}) {
      nodes.assertGoesOn(LONG.withSplit(split));
    }
    assertTrue(nodes.relay.disturbed() > 0, "nothing was disturbed");
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldSendOnlyWhatIsMissingAfterTheLinkWasDownForThreeSeconds() throws Exception {
    nodes.local(LONG);
    AtomicLong passedAtReturn = new AtomicLong();
    nodes.relay.suffer(new Fault.Bandwidth(2_000_000, 4 << 20));
    nodes.relay.afterBytes(
        Relay.Way.TO_DECODE,
        RelayedNodes.WHOLE_CONTEXT_KV_BYTES / 2,
        () -> {
          nodes.relay.cut(true);
          Thread.ofVirtual()
              .start(() -> {
                BatonProcess.pause(3_000);
                passedAtReturn.set(nodes.relay.passedBytes(Relay.Way.TO_DECODE));
                nodes.relay.cut(false);
              });
        });
    Report report = nodes.assertGoesOn(LONG);
    long after = nodes.relay.passedBytes(Relay.Way.TO_DECODE) - passedAtReturn.get();
    assertEquals(1, report.transfer().resumes(), report::toString);
    long whole = report.tokens().promptTokens() * 512L * 6;
    assertTrue(report.transfer().savedBytes() > whole / 4, report::toString);
    long missing = whole - report.transfer().savedBytes();
    System.out.println(
        "whole "
            + whole
            + ", saved "
            + report.transfer().savedBytes()
            + ", travelled after "
            + after);
    assertTrue(report.transfer().kvBytes() <= whole + whole / 10, report::toString);
    assertTrue(after < missing * 5 / 4, "sent " + after + " where " + missing + " were missing");
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldWaitForALinkAtAHundredthOfItsSpeedWhenToldTo() {
    nodes.relay.suffer(new Fault.Bandwidth(1_000_000, 256 << 10));
    nodes.assertGoesOn(LONG);
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldFinishHereWhenALinkAtAHundredthOfItsSpeedWouldTakeLonger() {
    try (RelayedNodes impatient = RelayedNodes.openImpatient(LEASE, SEED)) {
      impatient.local(LONG);
      impatient.relay.suffer(new Fault.Bandwidth(500_000, 4 << 20));
      Report report = impatient.assertSameAnswer(LONG);
      assertTrue(
          String.valueOf(report.fallback()).contains("the rest would take"), report::toString);
      assertTrue(report.times().ttftNs() < 3_000_000_000L, report::toString);
      impatient.assertNothingIsLeft();
    }
  }

  @Test
  void shouldNotPrefillAnOrderThatWasChangedOnItsWay() {
    nodes.relay.edit((way, bytes) -> {
      // Aeron's header, Baton's header with the message's number, the order; its last tokens.
      if (way == Relay.Way.TO_PREFILL && bytes.length > 4000 && bytes[34] == 3) {
        bytes[4000] ^= 1;
      }
      return bytes;
    });
    try {
      Report report = nodes.assertSameAnswer(LONG);
      assertNotNull(report.fallback(), report::toString);
      assertTrue(report.fallback().contains("changed on its way"), report::toString);
    } finally {
      nodes.relay.edit((way, bytes) -> bytes);
    }
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldSayInOneLineThatTheOtherNodeSpeaksAnotherProtocol() {
    try (DecodeProcess decode = new DecodeProcess(nodes, LONG, new Fault.Loss(0), SEED)) {
      decode.relay.edit((way, bytes) -> {
        // Hello or HelloReply: the version is the last number of Baton's header.
        if (bytes.length > 100 && (bytes[34] == 1 || bytes[34] == 2)) {
          bytes[38] = 9;
        }
        return bytes;
      });
      assertEquals(1, decode.process.await());
      String error = decode.process.err().strip();
      assertEquals(1, error.lines().count(), error);
      assertTrue(error.contains("run the same version of Baton on both"), error);
    }
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldNeverTakeSpoiledBytesForKv() {
    for (double share : new double[] {0.002, 0.02, 0.2}) {
      // Behind Aeron's own header.
      nodes.relay.suffer(new Fault.Spoiled(share, 32));
      for (Split split : new Split[] {new Split.Remote(), new Split.At(2)}) {
        nodes.assertSameAnswer(LONG.withSplit(split));
      }
    }
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldOutliveSpoiledBytesAnywhere() {
    for (double share : new double[] {0.002, 0.02, 0.2}) {
      nodes.relay.suffer(new Fault.Spoiled(share, 0));
      for (Split split : new Split[] {new Split.Remote(), new Split.At(2)}) {
        nodes.assertSameAnswer(LONG.withSplit(split));
      }
    }
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldOutliveDatagramsThatAreCutOff() {
    nodes.relay.suffer(new Fault.CutOff(0.1));
    for (Split split : new Split[] {new Split.Remote(), new Split.At(2)}) {
      nodes.assertSameAnswer(LONG.withSplit(split));
    }
    nodes.assertNothingIsLeft();
  }
}
