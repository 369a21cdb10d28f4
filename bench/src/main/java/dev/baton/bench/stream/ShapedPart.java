package dev.baton.bench.stream;

import dev.baton.bench.process.ChildJvm;
import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Spread;
import dev.baton.bench.report.WrongResult;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.json.JsonMapper;

/** The full path against raw Aeron where the link is the bottleneck. */
final class ShapedPart {
  private static final double BAR_PERCENT = 95;
  private static final double ROUND_SECONDS = 1.5;
  private static final int MAX_TOKENS = 16384;

  private final int[] mtuBytes;
  private final int[] megabitsPerSecond;
  private final double seconds;

  /**
   * @param seconds for each rate and MTU
   */
  ShapedPart(int[] mtuBytes, int[] megabitsPerSecond, double seconds) {
    this.mtuBytes = mtuBytes;
    this.megabitsPerSecond = megabitsPerSecond;
    this.seconds = seconds;
  }

  PartReport run(Progress progress) throws InterruptedException {
    String missing = ShapedLink.whyMissing();
    if (missing != null) {
      return PartReport.unavailable("shaped", missing);
    }
    List<Figure> figures = new ArrayList<>();
    try {
      for (int rate : megabitsPerSecond) {
        for (int mtu : mtuBytes) {
          progress.show("shaped: " + rate + " Mbit/s, MTU " + mtu);
          add(rate, mtu, figures);
        }
      }
    } catch (WrongResult e) {
      return PartReport.wrong("shaped", e.reason());
    }
    return PartReport.measured(
        "shaped",
        figures,
        List.of(
            "Loopback of a network namespace under tc's token bucket, whose queue holds more than a"
                + " window: what is lost overflowed a receive socket."));
  }

  private void add(int rate, int mtu, List<Figure> figures) throws InterruptedException {
    ShapedLink link = ShapedLink.at(rate * 1_000_000L, mtu);
    Shape shape = Shape.SMOLLM2;
    double perToken = shape.bytes() / (double) shape.tokens();
    int tokens = (int) Math.min(MAX_TOKENS, ROUND_SECONDS * link.bytesPerSecond() / perToken);
    String json =
        ChildJvm.runBench(
            link.prefix(),
            List.of(
                "stream-link",
                "--shape=" + shape.name(),
                "--tokens=" + tokens,
                "--mtu=" + mtu,
                "--seconds=" + seconds));
    LinkResult result = JsonMapper.shared().readValue(json, LinkResult.class);
    String of = String.format(Locale.ROOT, "%d Mbit/s, MTU %d: ", rate, mtu);
    double line = link.bytesPerSecond() / 1e6;
    figures.add(Figure.of(of + "raw Aeron / link", result.raw().rate().times(100 / line), "%"));
    figures.add(Figure.of(of + "full path / link", result.full().rate().times(100 / line), "%"));
    figures.add(
        Figure.atLeast(BAR_PERCENT, of + "full path / raw", result.ratio().times(100), "%"));
    figures.add(Figure.of(of + "datagrams lost, both", Spread.exactly((double) result.lost()), ""));
  }
}
