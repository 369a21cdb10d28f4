package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.Timeline.Lane;
import dev.baton.Timeline.Span;
import dev.baton.kernel.KernelsConfig;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillNode;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class TimelineTest {
  @Test
  void shouldShowBothNodesAndWhatTravelledBetweenThem() throws Exception {
    try (NodeCompute compute =
            NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), done -> {});
        PrefillNode node =
            PrefillNode.launch(compute, "127.0.0.1:0", 128, Duration.ofSeconds(20), null);
        Baton baton =
            Baton.open(
                BatonConfig.builder(BatonProcess.TINY)
                    .prefill(node.endpoint())
                    .split(new Split.At(2))
                    .lastChunkTokens(64)
                    .chunkTokens(64)
                    .timeline(true)
                    .build());
        Generation answer =
            baton.generate(GenerateRequest.of("A fox. ".repeat(60)).withMaxTokens(5))) {
      Report report = answer.report();
      Timeline timeline = answer.timeline();
      int chunks = Math.ceilDiv(report.tokens().promptTokens(), 64);
      // Slices of following chunks that wait for the stream travel, and are told of, together.
      long computed = count(timeline, Lane.PREFILL);
      assertTrue(computed >= 2 && computed <= 2L * chunks, timeline::text);
      assertTrue(count(timeline, Lane.DECODE) >= chunks, timeline::text);
      assertEquals(
          report.transfer().kvBytes()
              + report.tokens().promptTokens() * 4L * compute.model().shape().dim(),
          timeline.spans().stream().mapToLong(Span::bytes).sum());
      long previousNs = 0;
      for (Span span : timeline.spans()) {
        assertTrue(span.startNs() <= span.endNs() + timeline.clockErrorNs(), span::toString);
        if (span.lane() == Lane.PREFILL) {
          assertTrue(span.startNs() >= previousNs, "one thread computes there: " + span);
          previousNs = span.endNs();
        }
      }
      assertTrue(timeline.firstTokenNs() > 0);
    }
  }

  private static long count(Timeline timeline, Lane lane) {
    return timeline.spans().stream().filter(span -> span.lane() == lane).count();
  }

  @Test
  void shouldDrawLanesAsLinesOfMarks() {
    Timeline timeline =
        new Timeline(
            List.of(
                new Span(Lane.PREFILL, "layer 0, tokens 0-9", 0, 36_000_000, 0),
                new Span(Lane.WIRE, "layer 0, tokens 0-9", 36_000_000, 37_500_000, 77),
                new Span(Lane.WIRE, "layer 0, tokens 10-19", 36_000_000, 38_000_000, 77),
                new Span(Lane.DECODE, "3 tokens", 54_000_000, 72_000_000, 0)),
            54_000_000,
            200_000);
    assertEquals(
        "prefill node computes |"
            + "#".repeat(36)
            + " ".repeat(36)
            + "|\nKV on its way         |"
            + " ".repeat(36)
            + "##"
            + " ".repeat(34)
            + "|\ndecode node computes  |"
            + " ".repeat(54)
            + "#".repeat(18)
            + "|\nfirst token           |"
            + " ".repeat(54)
            + "^"
            + " ".repeat(17)
            + "|\n"
            + " ".repeat(23)
            + "0 ms to 72.0 ms, a mark is 1.00 ms; the nodes' clocks agree within 0.20 ms\n",
        timeline.text().replace("\r", ""));
    assertEquals(3 + 1 + 4 + 1 + 1, timeline.chromeTrace().size());
  }
}
