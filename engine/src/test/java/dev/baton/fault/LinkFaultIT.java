package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
  private static final Duration LEASE = Duration.ofSeconds(8);
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
              .start(
                  () -> {
                    dev.baton.BatonProcess.pause(3_000);
                    passedAtReturn.set(nodes.relay.passedBytes(Relay.Way.TO_DECODE));
                    nodes.relay.cut(false);
                  });
        });
    Report report = nodes.assertGoesOn(LONG);
    long after = nodes.relay.passedBytes(Relay.Way.TO_DECODE) - passedAtReturn.get();
    assertEquals(1, report.resumes(), report::toString);
    long whole = report.promptTokens() * 512L * 6;
    assertTrue(report.savedBytes() > whole / 4, report::toString);
    long missing = whole - report.savedBytes();
    System.out.println(
        "whole " + whole + ", saved " + report.savedBytes() + ", travelled after " + after);
    assertTrue(report.kvBytes() <= whole + whole / 10, report::toString);
    assertTrue(after < missing * 5 / 4, "sent " + after + " where " + missing + " were missing");
    nodes.assertNothingIsLeft();
  }

  @Test
  void shouldGiveTheSameAnswerOverALinkAtAHundredthOfItsSpeed() {
    nodes.relay.suffer(new Fault.Bandwidth(1_000_000, 256 << 10));
    nodes.assertSameAnswer(LONG);
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
