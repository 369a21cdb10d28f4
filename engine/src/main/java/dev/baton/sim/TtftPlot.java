package dev.baton.sim;

import dev.baton.plot.LogAxis;
import dev.baton.plot.PlotStyle;
import dev.baton.plot.Svg;
import java.util.List;
import java.util.Locale;

/**
 * The shares of requests whose first token was there in time, for every time, one curve a policy,
 * as an SVG that needs nothing else.
 */
public final class TtftPlot {
  private static final int WIDTH = 760;
  private static final int HEIGHT = 420;
  private static final int LEFT = 60;
  private static final int RIGHT = 20;
  private static final int TOP = 40;
  private static final int BOTTOM = 50;
  private static final int POINTS = 200;

  private final List<SimulationResult> results;
  private final LogAxis seconds;

  private TtftPlot(List<SimulationResult> results) {
    this.results = results;
    double least = Double.MAX_VALUE;
    double most = 0;
    for (SimulationResult result : results) {
      double[] ttfts = result.ttfts();
      least = Math.min(least, ttfts[0]);
      most = Math.max(most, ttfts[ttfts.length - 1]);
    }
    double first = Math.floor(Math.log10(Math.max(least, 1e-4)));
    double last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(most, 1e-4))));
    this.seconds = new LogAxis(Math.pow(10, first), Math.pow(10, last), LEFT, WIDTH - RIGHT);
  }

  /**
   * Draws the plot.
   *
   * @param title above it
   * @param limitSeconds of the first token, marked
   */
  public static String svg(String title, List<SimulationResult> results, double limitSeconds) {
    return new TtftPlot(results).draw(title, limitSeconds);
  }

  private String draw(String title, double limitSeconds) {
    Svg svg =
        new Svg("ttft", WIDTH, HEIGHT, title, "Share of requests by time until the first token.")
            .withStyle()
            .text("strong", LEFT, TOP - 16, "start", title)
            .text("", WIDTH / 2.0, HEIGHT - 12, "middle", "time until the first token, at most");
    grid(svg);
    double limit = seconds.at(limitSeconds);
    if (limit > LEFT && limit < WIDTH - RIGHT) {
      svg.line("mark", limit, TOP, limit, HEIGHT - BOTTOM);
    }
    for (int i = 0; i < results.size(); i++) {
      curve(svg, results.get(i), i);
    }
    return svg.end();
  }

  private void grid(Svg svg) {
    for (int percent = 0; percent <= 100; percent += 25) {
      double y = y(percent / 100.0);
      svg.line("rule", LEFT, y, WIDTH - RIGHT, y).text("", LEFT - 8, y + 4, "end", percent + " %");
    }
    for (double tick = seconds.low(); tick <= seconds.high() * 1.001; tick *= 10) {
      double x = seconds.at(tick);
      String label =
          tick < 0.999
              ? String.format(Locale.ROOT, "%.3g ms", tick * 1e3)
              : String.format(Locale.ROOT, "%.0f s", tick);
      svg.line("rule", x, TOP, x, HEIGHT - BOTTOM)
          .text("", x, HEIGHT - BOTTOM + 18, "middle", label);
    }
  }

  private void curve(Svg svg, SimulationResult result, int index) {
    double[] ttfts = result.ttfts();
    double[] points = new double[2 * (POINTS + 1)];
    points[0] = seconds.at(ttfts[0]);
    points[1] = y(0);
    for (int point = 1; point <= POINTS; point++) {
      int rank = (int) Math.ceil((double) point / POINTS * ttfts.length);
      points[2 * point] = seconds.at(ttfts[rank - 1]);
      points[2 * point + 1] = y((double) point / POINTS);
    }
    svg.polyline("curve " + PlotStyle.stroke(index), points);
    double y = TOP + 14 + 18 * index;
    svg.line("curve " + PlotStyle.stroke(index), LEFT + 10, y - 4, LEFT + 34, y - 4)
        .text(PlotStyle.fill(index), LEFT + 40, y, "start", result.policy().word());
  }

  private static double y(double share) {
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  }
}
