package dev.baton.sim;

import java.util.Formatter;
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

  /** Colours that people with any colour vision tell apart (Okabe and Ito, 2008). */
  private static final List<String> COLOURS =
      List.of("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00");

  private final List<SimulationResult> results;
  private final int firstDecade;
  private final int lastDecade;
  private final Formatter svg = new Formatter(new StringBuilder(), Locale.ROOT);

  private TtftPlot(List<SimulationResult> results) {
    this.results = results;
    double least = Double.MAX_VALUE;
    double most = 0;
    for (SimulationResult result : results) {
      double[] ttfts = result.ttfts();
      least = Math.min(least, ttfts[0]);
      most = Math.max(most, ttfts[ttfts.length - 1]);
    }
    this.firstDecade = (int) Math.floor(Math.log10(Math.max(least, 1e-4)));
    this.lastDecade = Math.max(firstDecade + 1, (int) Math.ceil(Math.log10(Math.max(most, 1e-4))));
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
    svg.format("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d'", WIDTH, HEIGHT);
    svg.format(" font-family='sans-serif' font-size='12'>\n");
    svg.format("<rect width='100%%' height='100%%' fill='white'/>\n");
    text(LEFT, TOP - 16, "start", title);
    text(WIDTH / 2.0, HEIGHT - 12, "middle", "time until the first token, at most");
    grid();
    if (x(limitSeconds) > LEFT && x(limitSeconds) < WIDTH - RIGHT) {
      line(x(limitSeconds), TOP, x(limitSeconds), HEIGHT - BOTTOM, "#000' stroke-dasharray='4 4");
    }
    for (int i = 0; i < results.size(); i++) {
      curve(results.get(i), COLOURS.get(i % COLOURS.size()), i);
    }
    return svg.format("</svg>\n").toString();
  }

  private void grid() {
    for (int percent = 0; percent <= 100; percent += 25) {
      double y = y(percent / 100.0);
      line(LEFT, y, WIDTH - RIGHT, y, "#ddd");
      text(LEFT - 8, y + 4, "end", percent + " %");
    }
    for (int decade = firstDecade; decade <= lastDecade; decade++) {
      double seconds = Math.pow(10, decade);
      line(x(seconds), TOP, x(seconds), HEIGHT - BOTTOM, "#ddd");
      String label =
          decade < 0
              ? String.format(Locale.ROOT, "%.3g ms", seconds * 1e3)
              : String.format(Locale.ROOT, "%.0f s", seconds);
      text(x(seconds), HEIGHT - BOTTOM + 18, "middle", label);
    }
  }

  private void curve(SimulationResult result, String colour, int index) {
    double[] ttfts = result.ttfts();
    svg.format("<polyline fill='none' stroke-width='2' stroke='%s' points='", colour);
    svg.format("%.1f,%.1f", x(ttfts[0]), y(0));
    for (int point = 1; point <= POINTS; point++) {
      int rank = (int) Math.ceil((double) point / POINTS * ttfts.length);
      svg.format(" %.1f,%.1f", x(ttfts[rank - 1]), y((double) point / POINTS));
    }
    svg.format("'/>\n");
    double y = TOP + 14 + 18 * index;
    line(LEFT + 10, y - 4, LEFT + 34, y - 4, colour + "' stroke-width='2");
    text(LEFT + 40, y, "start", result.policy().word());
  }

  private double x(double seconds) {
    double decade = Math.log10(Math.max(seconds, Math.pow(10, firstDecade)));
    return LEFT + (decade - firstDecade) / (lastDecade - firstDecade) * (WIDTH - LEFT - RIGHT);
  }

  private double y(double share) {
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  }

  private void line(double x1, double y1, double x2, double y2, String stroke) {
    svg.format(
        "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s'/>\n", x1, y1, x2, y2, stroke);
  }

  private void text(double x, double y, String anchor, String text) {
    String escaped = text.replace("&", "&amp;").replace("<", "&lt;");
    svg.format("<text x='%.1f' y='%.1f' text-anchor='%s'>%s</text>\n", x, y, anchor, escaped);
  }
}
