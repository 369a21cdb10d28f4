package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillNode;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A report says that KV came in a lossy form exactly where the answer was computed from it. */
final class LossyWireTest {
  private static NodeCompute compute;

  @BeforeAll
  static void open() {
    compute = NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), done -> {});
  }

  @AfterAll
  static void close() {
    compute.close();
  }

  private static PrefillNode node() {
    return PrefillNode.launch(compute, "127.0.0.1:0", 512, Duration.ofSeconds(20), null);
  }

  private static Baton engine(PrefillNode node, KvWireType wire) {
    return Baton.open(
        BatonConfig.builder(BatonProcess.TINY)
            .prefill(node.endpoint())
            .split(new Split.Remote())
            .wireType(wire)
            .patient(true)
            .build());
  }

  private static Report report(Baton baton, Split split, int tokens) throws InterruptedException {
    int[] prompt = new int[100];
    java.util.Arrays.fill(prompt, 413);
    try (Generation answer = baton.generateExactly(prompt, tokens, split)) {
      return answer.report();
    }
  }

  @Test
  void shouldSayThatQ8IsLossyWhereItsRowsWereUsed() throws InterruptedException {
    try (PrefillNode node = node();
        Baton baton = engine(node, KvWireType.Q8)) {
      assertEquals("lossy", report(baton, new Split.Remote(), 3).numbers());
      assertEquals("lossy", report(baton, new Split.At(2), 3).numbers());
      assertEquals("exact", report(baton, new Split.Local(), 3).numbers());
      assertEquals(
          "exact",
          report(baton, new Split.Remote(), 1).numbers(),
          "the first token is chosen from a row that came as it is");
    }
    try (PrefillNode node = node();
        Baton baton = engine(node, KvWireType.F16)) {
      assertEquals("exact", report(baton, new Split.Remote(), 3).numbers());
    }
  }

  @Test
  void shouldStayExactWhereThePrefillWasDoneHereBeforeAnyCame() throws InterruptedException {
    PrefillNode node = node();
    try (Baton baton = engine(node, KvWireType.Q8)) {
      node.close();
      Report report = report(baton, new Split.Remote(), 3);
      assertNotNull(report.fallback());
      assertEquals("exact", report.numbers());
    }
  }
}
