package dev.baton.cli;

import dev.baton.Report;
import dev.baton.decode.SamplingParams;
import dev.baton.plan.PlanDecision;
import java.util.Locale;
import picocli.CommandLine.Help.Ansi;

/** The report of a request for people: one fact a line, in units that fit. */
final class ReportText {
  private final StringBuilder text = new StringBuilder();
  private final Ansi ansi;

  private ReportText(Ansi ansi) {
    this.ansi = ansi;
  }

  static String of(Report report, SamplingParams params, Ansi ansi) {
    ReportText text = new ReportText(ansi);
    int boundary = report.route().boundaryLayer();
    text.line("model", report.model());
    text.line("prefill", report.route().prefillNode());
    text.line("decode", report.route().decodeNode());
    text.line(
        "boundary",
        "layer "
            + boundary
            + " of "
            + report.route().layers()
            + meaning(boundary, report.route().layers()));
    text.line(
        "prompt",
        count(report.tokens().promptTokens())
            + (report.tokens().cachedTokens() > 0
                ? ", " + report.tokens().cachedTokens() + " of them cached"
                : "")
            + ", prefilled at "
            + rate(report.times().prefillTokensPerSecond()));
    text.line(
        "output",
        count(report.tokens().outputTokens())
            + (report.times().decodeTokensPerSecond() > 0
                ? ", decoded at " + rate(report.times().decodeTokensPerSecond())
                : "")
            + " ("
            + ending(report.end())
            + ")");
    text.line("KV streamed", streamed(report));
    if (report.transfer().resumes() > 0) {
      text.line(
          "link",
          "resumed "
              + times(report.transfer().resumes())
              + ", "
              + bytes(report.transfer().savedBytes())
              + " were here already and did not travel again");
    }
    if (report.transfer().datagrams() != null) {
      text.line("datagrams", report.transfer().datagrams());
    }
    text.line("TTFT", duration(report.times().ttftNs()));
    if (report.times().longestStallNs() > 0) {
      text.line("stall", duration(report.times().longestStallNs()) + " between two tokens at most");
    }
    if (report.times().measuringNs() > 0) {
      text.line(
          "measuring", duration(report.times().measuringNs()) + " before that, not again soon");
    }
    if (report.numbers().contains(Report.LOSSY)) {
      text.line("numbers", "lossy: KV came as q8, which may change the answer");
    }
    if (report.numbers().contains(Report.TOLERANT)) {
      text.line("numbers", "within tolerance of Baton's own, not the same to the last bit");
    }
    if (params.temperature() > 0) {
      text.line("seed", Long.toString(params.seed()));
    }
    if (report.reason() != null) {
      text.line("plan", report.reason());
    }
    if (report.fallback() != null) {
      text.line("note", report.fallback());
    }
    return text.text.toString();
  }

  /** What happened beside what was predicted of an answer of that length. */
  static String beside(PlanDecision decision, Report report) {
    double rate = report.times().decodeTokensPerSecond();
    long decodeNs = rate == 0 ? 0 : Math.round((report.tokens().outputTokens() - 1) / rate * 1e9);
    return beside("TTFT", report.times().ttftNs(), decision.chosen().prediction().ttftSeconds())
        + "; "
        + beside(
            "E2E",
            report.times().ttftNs() + decodeNs,
            decision.e2eSeconds(Math.max(1, report.tokens().outputTokens())));
  }

  private static String beside(String what, long tookNs, double predictedSeconds) {
    return String.format(
        Locale.ROOT,
        "%s %s, predicted %s (%+.0f %%)",
        what,
        duration(tookNs),
        duration(Math.round(predictedSeconds * 1e9)),
        100 * (tookNs / 1e9 / predictedSeconds - 1));
  }

  private void line(String name, String value) {
    text.append(ansi.string("@|faint " + String.format(Locale.ROOT, "%-12s", name) + "|@"))
        .append(Failure.oneLine(value))
        .append('\n');
  }

  private static String meaning(int boundary, int layers) {
    if (boundary == 0) {
      return " (all here)";
    }
    return boundary == layers ? " (the whole prefill there)" : " (both prefill)";
  }

  private static String streamed(Report report) {
    if (report.transfer().kvBytes() == 0) {
      return "nothing, there was no transfer to hide";
    }
    String hidden =
        String.format(
            Locale.ROOT, "%.1f %% hidden behind compute", 100 * report.transfer().hiddenShare());
    return bytes(report.transfer().kvBytes())
        + ", "
        + (report.fallback() == null ? hidden : "the rest of the prompt was computed here");
  }

  private static String ending(String end) {
    return switch (end) {
      case "end" -> "the model ended it";
      case "length" -> "longest allowed";
      case "context" -> "the model's context is full";
      case "stop" -> "stop text";
      default -> end;
    };
  }

  private static String times(int count) {
    return count == 1 ? "once" : count + " times";
  }

  private static String count(int tokens) {
    return tokens + (tokens == 1 ? " token" : " tokens");
  }

  static String rate(double tokensPerSecond) {
    return String.format(
        Locale.ROOT, tokensPerSecond < 10 ? "%.1f tok/s" : "%.0f tok/s", tokensPerSecond);
  }

  static String bytes(long bytes) {
    if (bytes < 1000) {
      return bytes + " B";
    }
    if (bytes < 1_000_000) {
      return String.format(Locale.ROOT, "%.1f kB", bytes / 1e3);
    }
    return bytes < 1_000_000_000
        ? String.format(Locale.ROOT, "%.1f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }

  static String duration(long ns) {
    if (ns < 1_000_000_000) {
      return String.format(Locale.ROOT, ns < 10_000_000 ? "%.1f ms" : "%.0f ms", ns / 1e6);
    }
    return String.format(Locale.ROOT, "%.2f s", ns / 1e9);
  }
}
