package dev.baton.bench.stream;

import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Spread;
import dev.baton.bench.report.WrongResult;
import dev.baton.kvstream.TransferReport;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * How much of a transfer hides behind the prefill on a link whose ratio to this machine's prefill
 * is that of 10 GbE to a DGX Spark with an 8B model in F16: {@code R * B / 0.57}, where R is the
 * prefill node's tokens per second with this prompt over an unshaped link, and B a token's KV.
 */
final class HiddenShare {
  private static final double LINK_RATIO = 0.57;
  private static final double SHARE_BAR_PERCENT = 97;
  private static final double TTFT_BAR = 1.03;
  private static final int CHUNK_TOKENS = 128;
  private static final int WARM_UP_TOKENS = 512;
  private static final int DEVICE_MTU_BYTES = 65536;
  private static final int MIN_ROUNDS = 2;
  private static final int MAX_ROUNDS = 9;

  private final TwoNodes nodes;
  private final int[] promptTokens;
  private final double seconds;
  private final List<Figure> figures = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  HiddenShare(TwoNodes nodes, int[] promptTokens, double seconds) {
    this.nodes = nodes;
    this.promptTokens = promptTokens;
    this.seconds = seconds;
  }

  PartReport measure() throws IOException {
    try {
      // The first request of a process pays for its warm-up.
      nodes.split(nodes.prompt(WARM_UP_TOKENS), nodes.layers(), CHUNK_TOKENS);
      for (int tokens : promptTokens) {
        measure(Math.min(tokens, nodes.longestPrompt()));
      }
    } catch (WrongResult e) {
      return PartReport.wrong("hidden", e.reason());
    }
    return PartReport.measured("hidden", figures, notes);
  }

  private void measure(int tokens) throws IOException {
    int[] prompt = nodes.prompt(tokens);
    List<Integer> expected = nodes.local(prompt, CHUNK_TOKENS).tokens();
    ShapedLink.unshaped();
    double rate = tokens / computeSeconds(remote(prompt, expected));
    ShapedLink link =
        new ShapedLink(Math.round(8 * rate * nodes.tokenBytes() / LINK_RATIO), DEVICE_MTU_BYTES);
    link.apply();
    Rounds rounds = new Rounds(tokens, link);
    long untilNs = System.nanoTime() + Math.round(seconds * 1e9);
    while (rounds.count() < MIN_ROUNDS
        || (rounds.count() < MAX_ROUNDS && System.nanoTime() < untilNs)) {
      rounds.add(remote(prompt, expected));
    }
    rounds.report();
    notes.add(
        String.format(
            Locale.ROOT,
            "%d tokens: prefill %.0f tokens/s on one core with a free link, so the link is %.0f"
                + " Mbit/s; answers equal the local run's",
            tokens,
            rate,
            link.bitsPerSecond() / 1e6));
  }

  /** One prompt's requests over the scaled link. */
  private final class Rounds {
    private final int tokens;
    private final ShapedLink link;
    private final List<Double> sharePercent = new ArrayList<>();
    private final List<Double> computeMs = new ArrayList<>();
    private final List<Double> wireOverCompute = new ArrayList<>();
    private final List<Double> ttftMs = new ArrayList<>();
    private final List<Double> ttftOverBound = new ArrayList<>();

    Rounds(int tokens, ShapedLink link) {
      this.tokens = tokens;
      this.link = link;
    }

    int count() {
      return ttftMs.size();
    }

    void add(TwoNodes.Answer answer) {
      TransferReport transfer = Objects.requireNonNull(answer.outcome().transfer());
      double compute = computeSeconds(answer);
      sharePercent.add(100 * transfer.hiddenShare());
      computeMs.add(1e3 * compute);
      wireOverCompute.add(wireSeconds(transfer, link) / compute);
      ttftMs.add(answer.ttftMs());
      ttftOverBound.add(answer.ttftMs() / 1e3 / boundSeconds(tokens, transfer, link));
    }

    void report() {
      String of = tokens + " tokens: ";
      figures.add(
          Figure.atLeast(SHARE_BAR_PERCENT, of + "hidden share", Spread.of(sharePercent), "%"));
      figures.add(Figure.of(of + "compute at the prefill node", Spread.of(computeMs), "ms"));
      figures.add(
          Figure.of(of + "transfer / compute, 0.57 meant", Spread.of(wireOverCompute), "x"));
      figures.add(Figure.of(of + "TTFT", Spread.of(ttftMs), "ms"));
      figures.add(
          Figure.atMost(TTFT_BAR, of + "TTFT / lower bound", Spread.of(ttftOverBound), "x"));
    }
  }

  private TwoNodes.Answer remote(int[] prompt, List<Integer> expected) {
    TwoNodes.Answer answer = nodes.split(prompt, nodes.layers(), CHUNK_TOKENS);
    if (!answer.tokens().equals(expected)) {
      throw new WrongResult(
          "the answer over the link differs from the local one: "
              + answer.tokens()
              + " and "
              + expected);
    }
    return answer;
  }

  private static double computeSeconds(TwoNodes.Answer answer) {
    TransferReport transfer = Objects.requireNonNull(answer.outcome().transfer());
    return (transfer.computeEndNs() - transfer.computeStartNs()) / 1e9;
  }

  /**
   * No first token can be there before this: after the compute the last slice has to travel, and
   * before the transfer the first one has to be computed.
   */
  private double boundSeconds(int tokens, TransferReport transfer, ShapedLink link) {
    double compute = (transfer.computeEndNs() - transfer.computeStartNs()) / 1e9;
    int chunks = Math.ceilDiv(tokens, CHUNK_TOKENS);
    int lastTokens = tokens - (chunks - 1) * CHUNK_TOKENS;
    double first = compute / chunks / nodes.layers();
    double last = (double) lastTokens * nodes.tokenBytes() / nodes.layers() / link.bytesPerSecond();
    return Math.max(compute + last, first + wireSeconds(transfer, link));
  }

  private static double wireSeconds(TransferReport transfer, ShapedLink link) {
    return (transfer.kvBytes() + transfer.hiddenBytes()) / link.bytesPerSecond();
  }
}
