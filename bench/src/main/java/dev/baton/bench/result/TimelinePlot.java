package dev.baton.bench.result;

import dev.baton.Timeline.Lane;
import dev.baton.Timeline.Span;
import dev.baton.plot.PlotStyle;
import dev.baton.plot.Svg;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** One request's way: what both nodes computed and what was between them, on one clock. */
final class TimelinePlot {
  private static final int WIDTH = 940;
  private static final int HEIGHT = 236;
  private static final int LEFT = 184;
  private static final int RIGHT = 24;
  private static final int TOP = 34;
  private static final int LANE = 36;
  private static final int GAP = 14;
  private static final double LEAST_WIDTH = 0.8;
  private static final int MOST_ROWS = 6;
  private static final int TICKS = 6;

  /** Of an answer no more is drawn than this much of the time before it. */
  private static final double OF_ANSWER = 0.35;

  private final SplitResult.Request request;
  private final List<Span> spans;
  private final double endNs;
  private final double lastNs;

  private TimelinePlot(SplitResult.Request request) {
    this.request = request;
    this.spans = request.timeline().spans();
    this.lastNs = spans.stream().mapToLong(Span::endNs).max().orElse(1);
    double firstNs = request.timeline().firstTokenNs();
    this.endNs = Math.max(1, Math.min(lastNs, firstNs * (1 + OF_ANSWER)));
  }

  static String svg(SplitResult.Request request, String id) {
    return new TimelinePlot(request).draw(id);
  }

  /** What it comes to, one sentence without its full stop. */
  static String claim(SplitResult.Request request) {
    long computedNs =
        request.timeline().spans().stream()
            .filter(span -> span.lane() == Lane.PREFILL)
            .mapToLong(Span::endNs)
            .max()
            .orElse(0);
    long all = 0;
    long hidden = 0;
    for (Span span : request.timeline().spans()) {
      if (span.lane() == Lane.WIRE) {
        all += span.bytes();
        hidden += span.endNs() <= computedNs ? span.bytes() : 0;
      }
    }
    return all == 0
        ? "nothing travelled"
        : String.format(
            Locale.ROOT,
            "%.0f %% of the KV had arrived when the prefill node was done computing",
            100.0 * hidden / all);
  }

  private String draw(String id) {
    Svg svg =
        new Svg(
            id,
            WIDTH,
            HEIGHT,
            "The way of one request: " + request.key().title(),
            "Three lanes on one clock: the prefill node computes layer after layer, each layer's KV"
                + " travels while the next is computed, the decode node goes on from there. "
                + claim(request)
                + ".");
    double bottom = TOP + 3.0 * (LANE + GAP);
    axis(svg, bottom);
    double y = TOP;
    for (Lane lane : Lane.values()) {
      svg.text("strong", LEFT - 14, y + LANE / 2.0 + 4, "end", lane.title());
      svg.line("rule", LEFT, y + LANE, WIDTH - RIGHT, y + LANE);
      lane(svg, lane, y);
      y += LANE + GAP;
    }
    firstToken(svg, bottom);
    return svg.end();
  }

  private void axis(Svg svg, double bottom) {
    double step = step(endNs / 1e6 / TICKS);
    for (int i = 0; i * step <= endNs / 1e6; i++) {
      double at = x(i * step * 1e6);
      svg.line("rule", at, TOP - 6, at, bottom)
          .text("", at, bottom + 16, "middle", SplitStyle.digits(i * step));
    }
    svg.text("", LEFT - 14, bottom + 16, "end", "ms from the request");
    if (lastNs > endNs) {
      svg.text(
          "",
          WIDTH - RIGHT,
          bottom + 34,
          "end",
          "decoding goes on until " + SplitStyle.time(lastNs / 1e6) + " →");
    }
  }

  /** 1, 2 or 5 times a power of ten. */
  private static double step(double least) {
    double decade = Math.pow(10, Math.floor(Math.log10(least)));
    return least <= decade
        ? decade
        : least <= 2 * decade ? 2 * decade : least <= 5 * decade ? 5 * decade : 10 * decade;
  }

  /** What overlaps in a lane goes below each other. */
  private void lane(Svg svg, Lane lane, double top) {
    List<Span> shown =
        spans.stream()
            .filter(span -> span.lane() == lane && span.startNs() < endNs)
            .sorted(Comparator.comparingLong(Span::startNs))
            .toList();
    int[] row = new int[shown.size()];
    long[] freeNs = new long[MOST_ROWS];
    int rows = 1;
    for (int i = 0; i < row.length; i++) {
      Span span = shown.get(i);
      while (row[i] < MOST_ROWS - 1 && freeNs[row[i]] > span.startNs()) {
        row[i]++;
      }
      freeNs[row[i]] = Math.max(freeNs[row[i]], span.endNs());
      rows = Math.max(rows, row[i] + 1);
    }
    double height = (double) LANE / rows;
    for (int i = 0; i < row.length; i++) {
      Span span = shown.get(i);
      double from = x((double) span.startNs());
      double width = Math.max(LEAST_WIDTH, x(Math.min((double) span.endNs(), endNs)) - from);
      svg.bar(
          "span " + PlotStyle.fill(look(lane)),
          from,
          top + row[i] * height,
          width,
          Math.max(1, height - 1),
          span.what()
              + ": "
              + SplitStyle.digits(span.startNs() / 1e6)
              + " to "
              + SplitStyle.digits(span.endNs() / 1e6)
              + " ms"
              + (span.bytes() == 0 ? "" : ", " + SplitStyle.digits(span.bytes() / 1e3) + " kB"));
    }
  }

  /** The nodes' colours are those of computing there and here. */
  private static int look(Lane lane) {
    return switch (lane) {
      case PREFILL -> 2;
      case WIRE -> 5;
      case DECODE -> 1;
    };
  }

  private void firstToken(Svg svg, double bottom) {
    double ns = request.timeline().firstTokenNs();
    if (ns > 0) {
      double at = x(ns);
      svg.line("mark", at, TOP - 8, at, bottom)
          .text(
              "strong",
              at + (at > WIDTH - 200 ? -6 : 6),
              TOP - 14,
              at > WIDTH - 200 ? "end" : "start",
              "first token, " + SplitStyle.time(ns / 1e6));
    }
  }

  private double x(double ns) {
    return LEFT + Math.clamp(ns / endNs, 0, 1) * (WIDTH - LEFT - RIGHT);
  }
}
