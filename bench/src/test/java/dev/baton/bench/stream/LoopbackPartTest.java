package dev.baton.bench.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.ReportTable;
import dev.baton.kvstream.KvSink;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

final class LoopbackPartTest {
  private static final Shape SMALL = Shape.TINY.withTokens(1000);

  @Test
  @Timeout(120)
  void shouldCompareTheFullPathWithRawAeronAndTheCipher() throws Exception {
    PartReport report = run(UnaryOperator.identity());
    assertNull(report.wrong());
    assertNull(report.unavailable());
    assertEquals(10, report.figures().size());
    for (Figure figure : report.figures()) {
      assertTrue(figure.value().low() > 0, figure.toString());
      assertTrue(figure.value().low() <= figure.value().median(), figure.toString());
      assertTrue(figure.value().median() <= figure.value().high(), figure.toString());
    }
    String table = ReportTable.of(report);
    assertTrue(table.contains("full path / raw") && table.contains(">= 85"), table);
    assertTrue(table.contains("send stream"), table);
  }

  @Test
  @Timeout(120)
  void shouldSayWhereADestinationDiffersThoughEveryDigestWasRight() throws Exception {
    PartReport report =
        run(cache ->
            (layer, state, first, tokens, src, offset, digest) ->
                (layer == 2 && first + tokens >= 1000)
                    || cache.importSlice(layer, state, first, tokens, src, offset, digest));
    String wrong = report.wrong();
    assertNotNull(wrong);
    assertTrue(wrong.startsWith("the destination cache differs from the source: layer 2"), wrong);
    assertEquals(List.of(), report.figures());
    assertTrue(ReportTable.of(report).contains("WRONG"));
  }

  @Test
  @Timeout(120)
  void shouldEndWithOneWhereAResultIsWrong() {
    PrintStream out = new PrintStream(new ByteArrayOutputStream());
    StreamCommand command =
        new StreamCommand(
            out, out, cache -> (layer, state, first, tokens, src, offset, digest) -> true);
    String[] words = {"--what=loopback", "--shape=tiny", "--mtu=65504", "--seconds=0.1"};
    assertEquals(1, new picocli.CommandLine(command).execute(words));
  }

  private static PartReport run(UnaryOperator<KvSink> interference) throws Exception {
    PrintStream err = new PrintStream(new ByteArrayOutputStream());
    return new LoopbackPart(List.of(SMALL), new int[] {8192}, 0.1, interference)
        .run(new Progress(err));
  }
}
