package dev.baton;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.NodeLimits;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.NodeCompute;
import dev.baton.prefill.PrefillQueue;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a prefill node cannot do is not asked of it, and the report says so. */
@Timeout(60)
class UnusedCapabilityTest {
  @Test
  void shouldTakeKvAsItIsFromANodeThatKnowsNoLossyForm() throws InterruptedException {
    try (NodeCompute compute =
            NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), done -> {});
        PrefillQueue worker =
            new PrefillQueue(compute.model(), compute.pool(), 128, System::nanoTime);
        StreamNode node =
            StreamNode.launch(
                StreamConfig.builder().listen("127.0.0.1:0").build(), plain(compute), worker);
        Baton baton =
            Baton.open(
                BatonConfig.builder(BatonProcess.TINY)
                    .prefill(node.endpoint())
                    .split(new Split.Remote())
                    .wireType(KvWireType.Q8)
                    .build())) {
      int[] local = answer(baton, new Split.Local()).takenTokens();
      Generation remote = answer(baton, new Split.Remote());
      Report report = remote.report();
      assertNull(report.fallback());
      assertEquals(6, report.route().boundaryLayer());
      assertEquals(
          "the prefill node does not send q8, so that its KV comes as f16", report.reason());
      assertArrayEquals(local, remote.takenTokens());
    }
  }

  private static NodeIdentity plain(NodeCompute compute) {
    NodeIdentity own = compute.identity("plain node");
    return new NodeIdentity(
        own.name(),
        own.modelHash(),
        own.states(),
        own.contextTokens(),
        own.numericsVersion(),
        own.backend(),
        own.fidelity(),
        NodeLimits.UNLIMITED,
        Set.of(),
        own.parts());
  }

  private static Generation answer(Baton baton, Split split) throws InterruptedException {
    int[] prompt = IntStream.range(0, 150).map(i -> 300 + i % 700).toArray();
    try (Generation generation = baton.generateExactly(prompt, 8, split)) {
      while (generation.next() != null) {
        // To its end.
      }
      return generation;
    }
  }
}
