package dev.baton.bench.result;

import dev.baton.bench.report.Spread;
import dev.baton.plot.LogAxis;
import dev.baton.plot.Svg;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Time until the first token by prompt length, one curve a split, both axes logarithmic. What the
 * planner chose is a wide pale band behind the curve it follows.
 */
final class PromptPlot {
  private static final int WIDTH = 430;
  private static final int HEIGHT = 320;
  private static final int LEFT = 56;
  private static final int RIGHT = 62;
  private static final int TOP = 30;
  private static final int BOTTOM = 46;
  private static final int LABEL_GAP = 15;
  private static final int TICK_GAP = 34;

  /** Bars of neighbouring curves stand beside each other; the points are on the curves. */
  private static final int BAR_GAP = 4;

  /** Two lines of title and two of what it is about, where it stands alone. */
  private static final int HEADLINE = 80;

  private static final int FIRST_LINE = 20;
  private static final int LINE = 17;
  private static final int MOST_LETTERS = 52;

  private final Comparison comparison;
  private final SplitStyle style;
  private final int top;
  private final LogAxis x;
  private final LogAxis y;

  /** A curve's name beside its end. */
  private record Label(String split, double y) {}

  private PromptPlot(Comparison comparison, SplitStyle style, int headline) {
    this.comparison = comparison;
    this.style = style;
    this.top = TOP + headline;
    List<SplitRow> rows =
        comparison.bySplit().values().stream()
            .map(TreeMap::values)
            .flatMap(Collection::stream)
            .toList();
    double least = rows.stream().mapToDouble(row -> row.ttft().low()).min().orElse(1);
    double most = rows.stream().mapToDouble(row -> row.ttft().high()).max().orElse(1);
    int shortest = rows.stream().mapToInt(row -> row.key().promptTokens()).min().orElse(1);
    int longest = rows.stream().mapToInt(row -> row.key().promptTokens()).max().orElse(1);
    this.x = LogAxis.around(shortest, longest, LEFT, WIDTH - RIGHT);
    this.y = LogAxis.around(least, most, HEIGHT + headline - BOTTOM, top);
  }

  /** For a page that has the style and the title. */
  static String svg(Comparison comparison, SplitStyle style, String id) {
    PromptPlot plot = new PromptPlot(comparison, style, 0);
    return plot.draw(new Svg(id, WIDTH, HEIGHT, comparison.title(), plot.description()));
  }

  /** That of the first link, as a file of its own. */
  static String file(SplitResult result) {
    Comparison comparison = Comparison.of(result).getFirst();
    PromptPlot plot = new PromptPlot(comparison, SplitStyle.of(result.rows()), HEADLINE);
    Svg svg =
        new Svg("plot", WIDTH, HEIGHT + HEADLINE, comparison.title(), plot.description())
            .withStyle();
    double y = lines(svg, "strong", FIRST_LINE, comparison.title());
    lines(svg, "", y + 2, result.modelName() + ", " + result.setup().pair());
    return plot.draw(svg);
  }

  /** Writes text in lines that fit, and returns where the next one would be. */
  private static double lines(Svg svg, String look, double top, String text) {
    double y = top;
    StringBuilder line = new StringBuilder();
    for (String word : text.split(" ")) {
      if (line.length() + word.length() > MOST_LETTERS) {
        svg.text(look, 4, y, "start", line.toString());
        y += LINE;
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    svg.text(look, 4, y, "start", line.toString());
    return y + LINE;
  }

  private String description() {
    return "Time to the first token by prompt length over "
        + SplitRow.linkTitle(comparison.link())
        + ", one curve for each of "
        + String.join(
            ", ", comparison.bySplit().keySet().stream().map(SplitRow::splitTitle).toList())
        + "; the table has every figure.";
  }

  private String draw(Svg svg) {
    grid(svg);
    Map<String, TreeMap<Integer, SplitRow>> all = comparison.bySplit();
    if (all.containsKey(SplitRow.AUTO)) {
      curve(svg, SplitRow.AUTO, "halo ");
    }
    all.keySet().stream()
        .filter(split -> !split.equals(SplitRow.AUTO))
        .forEach(split -> {
          curve(svg, split, "curve ");
          marks(svg, split);
        });
    comparison.crossover().filter(at -> at.fromTokens() > 0).ifPresent(at -> crossing(svg, at));
    labels()
        .forEach(label ->
            svg.text(
                "name " + style.fill(label.split()),
                WIDTH - RIGHT + 8,
                label.y() + 4,
                "start",
                SplitRow.splitTitle(label.split())));
    return svg.end();
  }

  private void grid(Svg svg) {
    double bottom = y.from();
    for (double tick : y.ticks()) {
      svg.line("rule", LEFT, y.at(tick), WIDTH - RIGHT, y.at(tick))
          .text("", LEFT - 8, y.at(tick) + 4, "end", SplitStyle.time(tick));
    }
    svg.text("", 4, top - 14, "start", "time to the first token");
    double written = Double.NEGATIVE_INFINITY;
    for (int prompt : lengths()) {
      svg.line("axis", x.at(prompt), bottom, x.at(prompt), bottom + 4);
      if (x.at(prompt) - written >= TICK_GAP) {
        written = x.at(prompt);
        svg.text("", written, bottom + 18, "middle", Integer.toString(prompt));
      }
    }
    svg.line("axis", LEFT, bottom, WIDTH - RIGHT, bottom)
        .text("", (LEFT + WIDTH - RIGHT) / 2.0, bottom + 36, "middle", "prompt, tokens");
  }

  private List<Integer> lengths() {
    return comparison.bySplit().values().stream()
        .flatMap(rows -> rows.keySet().stream())
        .distinct()
        .sorted()
        .toList();
  }

  private void curve(Svg svg, String split, String look) {
    svg.polyline(
        look + style.stroke(split),
        rows(split).stream()
            .flatMap(row ->
                java.util.stream.Stream.of(
                    x.at(row.key().promptTokens()), y.at(row.ttft().median())))
            .mapToDouble(Double::doubleValue)
            .toArray());
  }

  private Collection<SplitRow> rows(String split) {
    return comparison.bySplit().getOrDefault(split, new TreeMap<>()).values();
  }

  private void marks(Svg svg, String split) {
    List<String> others =
        comparison.bySplit().keySet().stream()
            .filter(other -> !other.equals(SplitRow.AUTO))
            .toList();
    double aside = (others.indexOf(split) - (others.size() - 1) / 2.0) * BAR_GAP;
    for (SplitRow row : rows(split)) {
      Spread ttft = row.ttft();
      double at = x.at(row.key().promptTokens());
      double bar = at + aside;
      svg.line("spread " + style.stroke(split), bar, y.at(ttft.low()), bar, y.at(ttft.high()));
      svg.dot(
          style.fill(split),
          at,
          y.at(ttft.median()),
          2.5,
          row.key().title()
              + ": "
              + SplitStyle.time(ttft.median())
              + " ("
              + SplitStyle.time(ttft.low())
              + " to "
              + SplitStyle.time(ttft.high())
              + ")");
    }
  }

  private void crossing(Svg svg, Comparison.Crossover at) {
    double where = x.at(at.fromTokens());
    boolean right = where > (LEFT + WIDTH - RIGHT) / 2.0;
    svg.line("mark", where, top, where, y.from())
        .text(
            "strong",
            where + (right ? -6 : 6),
            top + 10,
            right ? "end" : "start",
            "from " + Comparison.tokens(at.fromTokens()) + " tokens");
  }

  /** Beside the curves' ends, moved apart until none is on another. */
  private List<Label> labels() {
    List<Label> wanted = new ArrayList<>();
    for (String split : comparison.bySplit().keySet()) {
      rows(split).stream()
          .max(Comparator.comparingInt(row -> row.key().promptTokens()))
          .ifPresent(row -> wanted.add(new Label(split, y.at(row.ttft().median()))));
    }
    wanted.sort(Comparator.comparingDouble(Label::y));
    List<Label> placed = new ArrayList<>();
    double free = top;
    for (int i = 0; i < wanted.size(); i++) {
      // Those below still have to fit.
      double last = y.from() - (double) (wanted.size() - 1 - i) * LABEL_GAP;
      double at = Math.min(Math.max(wanted.get(i).y(), free), last);
      placed.add(new Label(wanted.get(i).split(), at));
      free = at + LABEL_GAP;
    }
    return placed;
  }
}
