package dev.baton.bench.result;

import static dev.baton.plot.Svg.escaped;

import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.Spread;
import dev.baton.plot.PlotStyle;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Formatter;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;

/** A result as one HTML page that needs nothing else, for the eye and for screen readers. */
final class SplitPage {
  private final SplitResult result;
  private final List<Comparison> comparisons;
  private final SplitStyle style;
  private final Formatter html = new Formatter(new StringBuilder(), Locale.ROOT);

  private SplitPage(SplitResult result) {
    this.result = result;
    this.comparisons = Comparison.of(result);
    this.style = SplitStyle.of(result.rows());
  }

  /** Of at least one row. */
  static String of(SplitResult result) {
    return new SplitPage(result).write();
  }

  private String write() {
    html.format(
        """
        <!doctype html>
        <html lang='en'>
        <head>
        <meta charset='utf-8'>
        <meta name='viewport' content='width=device-width,initial-scale=1'>
        <meta http-equiv='Content-Security-Policy' content="default-src 'none'; style-src 'unsafe-inline'; \
        script-src 'unsafe-inline'; img-src data:">
        <link rel='icon' href='data:,'>
        <title>%s</title>
        <style>
        %s%s</style>
        </head>
        <body>
        <main>
        """,
        escaped(headline()), PlotStyle.CSS, resource("page.css"));
    head();
    promptPlots();
    timeline();
    predictions();
    table();
    method();
    html.format("</main>\n<script>\n%s</script>\n</body>\n</html>\n", resource("page.js"));
    return html.toString();
  }

  private String headline() {
    return comparisons.isEmpty() ? "Where to cut a request" : comparisons.getFirst().title();
  }

  private void head() {
    html.format("<h1>%s</h1>\n", escaped(headline()));
    html.format(
        "<p class='soft'>%s, prefilled on one node and decoded on the other. %s. Medians of %d"
            + " run%s; bars show the fastest and the slowest.</p>\n",
        escaped(result.modelName()),
        escaped(sentence(result.setup().pair())),
        runs(),
        runs() == 1 ? "" : "s");
    if (!result.complete()) {
      html.format(
          "<p class='early'>This run was ended early: it has the rows that were measured until"
              + " then, some of them of fewer runs.</p>\n");
    }
    html.format("<ul class='key' aria-label='Colours'>\n");
    for (String split : splits()) {
      html.format(
          "<li><i class='%s' style='background:var(--c%s)'></i>%s</li>\n",
          split.equals(SplitRow.AUTO) ? "wide" : "",
          style.fill(split).substring(1),
          escaped(meaning(split)));
    }
    html.format("</ul>\n");
  }

  private int runs() {
    return result.rows().stream().mapToInt(SplitRow::runs).max().orElse(0);
  }

  private List<String> splits() {
    return result.rows().stream().map(row -> row.key().split()).distinct().toList();
  }

  private String meaning(String split) {
    return switch (split) {
      case SplitRow.LOCAL -> "local: all on the decode node";
      case SplitRow.REMOTE -> "remote: the whole prefill on the prefill node";
      case SplitRow.AUTO -> "auto: as the planner chooses";
      default ->
          "layer "
              + split
              + ": the first "
              + split
              + " of "
              + result.setup().layers()
              + " layers there";
    };
  }

  private void promptPlots() {
    html.format("<h2>Time to the first token</h2>\n<div class='pair'>\n");
    for (Comparison comparison : comparisons) {
      html.format(
          "<figure>\n<h3>%s</h3>\n%s<figcaption>%s</figcaption>\n</figure>\n",
          escaped(comparison.title()),
          PromptPlot.svg(comparison, style, "prompt-" + comparison.link().replace('.', '-')),
          escaped(comparison.autoNote().map(note -> sentence(note) + ".").orElse("")));
    }
    html.format("</div>\n");
  }

  private void timeline() {
    SplitResult.Request request = result.request();
    if (request == null) {
      return;
    }
    html.format(
        """
        <h2>The way of one request</h2>
        <figure>
        <h3>%s</h3>
        <div class='scroll' tabindex='0' role='region' aria-label='Timeline of one request'><div class='way'>
        %s</div></div>
        <figcaption>%s. Each bar is a layer of a run of tokens, or a message; point at one to read it. The nodes’ \
        clocks agree to within %s.</figcaption>
        </figure>
        """,
        escaped(sentence(TimelinePlot.claim(request))),
        TimelinePlot.svg(request, "way"),
        escaped(asked(request.key())),
        SplitStyle.time(request.timeline().clockErrorNs() / 1e6));
  }

  private static String asked(SplitRow.Key key) {
    return "Over "
        + SplitRow.linkTitle(key.link())
        + ": "
        + key.promptTokens()
        + " tokens in, "
        + key.outputTokens()
        + " out, "
        + SplitRow.splitTitle(key.split());
  }

  private void predictions() {
    html.format("<h2>Predicted against measured</h2>\n<div class='pair'>\n");
    prediction(result.rows(), Metric.TTFT, Metric.PREDICTED_TTFT);
    prediction(
        result.rows().stream().filter(row -> row.key().outputTokens() > 1).toList(),
        Metric.E2E,
        Metric.PREDICTED_E2E);
    html.format("</div>\n");
  }

  private void prediction(List<SplitRow> rows, Metric measured, Metric predicted) {
    if (PredictionPlot.predicted(rows, predicted).isEmpty()) {
      return;
    }
    html.format(
        "<figure>\n<h3>%s</h3>\n%s</figure>\n",
        escaped(PredictionPlot.claim(rows, measured, predicted)),
        PredictionPlot.svg(rows, measured, predicted, style, predicted.column()));
  }

  private void table() {
    List<Metric> metrics =
        Stream.of(Metric.values())
            .filter(
                metric -> result.rows().stream().anyMatch(row -> row.values().containsKey(metric)))
            .toList();
    html.format(
        """
        <h2>Every figure</h2>
        <p class='soft' id='how'>Medians, and below them the lowest and the highest. A heading sorts by its column. “cut at” is \
        the layer from which the decode node computes.</p>
        <div class='scroll' tabindex='0' role='region' aria-label='Every figure'>
        <table aria-describedby='how'>
        <thead><tr>
        """);
    column("link", "", true);
    column("prompt", "tokens", false);
    column("output", "tokens", false);
    column("split", "", true);
    column("cut at", "layer", false);
    column("runs", "", false);
    metrics.forEach(metric -> column(metric.title(), metric.unit(), false));
    html.format("</tr></thead>\n<tbody>\n");
    result.rows().forEach(row -> row(row, metrics));
    html.format("</tbody>\n</table>\n</div>\n<p id='said' class='soft' aria-live='polite'></p>\n");
  }

  private void column(String name, String unit, boolean words) {
    html.format(
        "<th scope='col' data-name='%s'%s><button"
            + " type='button'>%s<small>%s</small></button></th>\n",
        name, words ? " class='words'" : "", name, unit.isEmpty() ? "&nbsp;" : unit);
  }

  private void row(SplitRow row, List<Metric> metrics) {
    SplitRow.Key key = row.key();
    html.format("<tr><td class='words' data-v='%s'>%1$s</td>", escaped(key.link()));
    number(key.promptTokens());
    number(key.outputTokens());
    html.format(
        "<td class='words' data-v='%s'><i style='background:var(--c%s)'></i>%s</td>",
        escaped(key.split()),
        style.fill(key.split()).substring(1),
        escaped(SplitRow.splitTitle(key.split())));
    number(row.boundaryLayer());
    number(row.runs());
    for (Metric metric : metrics) {
      Spread value = row.values().get(metric);
      if (value == null) {
        html.format("<td data-v=''><span aria-label='none'>–</span></td>");
      } else {
        html.format(
            "<td data-v='%s'>%s<small>%s</small></td>",
            Double.toString(value.median()),
            SplitStyle.digits(value.median()),
            value.low() == value.high()
                ? "&nbsp;"
                : SplitStyle.digits(value.low()) + "–" + SplitStyle.digits(value.high()));
      }
    }
    html.format("</tr>\n");
  }

  private void number(int value) {
    html.format("<td data-v='%d'>%1$d</td>", value);
  }

  private void method() {
    Provenance from = result.provenance();
    html.format("<h2>How it was measured</h2>\n<dl>\n");
    fact("pair", result.setup().pair());
    fact("links", String.join(", ", result.setup().links()));
    result.setup().leftOut().forEach(why -> fact("left out", why));
    fact("energy", result.setup().energy());
    fact("machine", from.machine().title() + clock(from) + ", " + from.machine().system());
    Provenance.Model model = Objects.requireNonNull(from.model());
    fact("model", model.name() + ", " + model.file() + ", fingerprint " + model.fingerprint());
    fact(
        "baton",
        from.batonVersion()
            + (from.commit() == null ? "" : ", commit " + from.commit())
            + (from.dirty() ? ", with changes that are in no commit" : ""));
    List<String> command = new ArrayList<>(List.of("baton", "bench"));
    command.addAll(from.flags());
    fact("command", String.join(" ", command));
    fact("date", from.date().toString());
    html.format(
        """
        </dl>
        <p class='soft' style='margin-top:16px'>Inside a time: the call until the first token (TTFT) or the last (E2E), planning \
        included, by the decode process’s clock. Outside: loading, measuring the pair, one request of each kind to warm up. The \
        requests of a round run in a random order, and all answers to a prompt had to be the same tokens. ITL is the time between \
        neighbouring tokens, TPOT its mean; hidden is the share of the KV that came while the prefill node still computed.</p>
        """);
  }

  private static String clock(Provenance from) {
    Double mhz = from.machine().clockMhz();
    return mhz == null ? "" : String.format(Locale.ROOT, ", %.0f MHz", mhz);
  }

  private void fact(String name, String value) {
    html.format("<dt>%s</dt><dd>%s</dd>\n", escaped(name), escaped(value));
  }

  private static String sentence(String text) {
    return text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1);
  }

  private static String resource(String name) {
    try (InputStream stream =
        Objects.requireNonNull(SplitPage.class.getResourceAsStream(name), name)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
