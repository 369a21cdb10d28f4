package dev.baton.bench.stream;

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
  private static final int SHORT_PROMPT = 2048;
  private static final int CHUNK_TOKENS = 128;
  private static final int DEVICE_MTU_BYTES = 65536;
  private static final int MIN_ROUNDS = 2;
  private static final int MAX_ROUNDS = 9;

  private final TwoNodes nodes;
  private final double seconds;
  private final List<Figure> figures = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  HiddenShare(TwoNodes nodes, double seconds) {
    this.nodes = nodes;
    this.seconds = seconds;
  }

  PartReport measure() throws IOException {
    int longest = nodes.longestPrompt();
    try {
      if (longest > SHORT_PROMPT) {
        measure(SHORT_PROMPT);
      }
      measure(longest);
    } catch (WrongResult e) {
      return PartReport.wrong("hidden", e.reason());
    }
    return PartReport.measured("hidden", figures, notes);
  }

  private void measure(int tokens) throws IOException {
    int[] prompt = nodes.prompt(tokens);
    List<Integer> expected = nodes.local(prompt, CHUNK_TOKENS).tokens();
    ShapedLink.unshaped();
    nodes.split(prompt, nodes.layers(), CHUNK_TOKENS);
    double freeSeconds = computeSeconds(remote(prompt, expected));
    double rate = tokens / freeSeconds;
    ShapedLink link =
        new ShapedLink(Math.round(8 * rate * nodes.tokenBytes() / LINK_RATIO), DEVICE_MTU_BYTES);
    link.apply();
    List<Double> share = new ArrayList<>();
    List<Double> ttftMs = new ArrayList<>();
    List<Double> overBound = new ArrayList<>();
    List<Double> computeMs = new ArrayList<>();
    long untilNs = System.nanoTime() + Math.round(seconds * 1e9);
    while (share.size() < MIN_ROUNDS
        || (share.size() < MAX_ROUNDS && System.nanoTime() < untilNs)) {
      TwoNodes.Answer answer = remote(prompt, expected);
      TransferReport transfer = Objects.requireNonNull(answer.outcome().transfer());
      share.add(100 * transfer.hiddenShare());
      ttftMs.add(answer.ttftMs());
      computeMs.add(1e3 * computeSeconds(answer));
      overBound.add(answer.ttftMs() / 1e3 / boundSeconds(tokens, transfer, link));
    }
    String of = tokens + " tokens: ";
    figures.add(Figure.atLeast(SHARE_BAR_PERCENT, of + "hidden share", Spread.of(share), "%"));
    figures.add(Figure.of(of + "compute at the prefill node", Spread.of(computeMs), "ms"));
    figures.add(Figure.of(of + "TTFT", Spread.of(ttftMs), "ms"));
    figures.add(Figure.atMost(TTFT_BAR, of + "TTFT / lower bound", Spread.of(overBound), "x"));
    notes.add(
        String.format(
            Locale.ROOT,
            "%sprefill %.0f tokens/s on one core with a free link, so the link is %.0f Mbit/s;"
                + " answers equal the local run's",
            of,
            rate,
            link.bitsPerSecond() / 1e6));
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
   * No first token can be there before this: the longer of compute and transfer, the compute of the
   * first slice, before which nothing can leave, and the transfer of the last one, after which
   * nothing is left to compute.
   */
  private double boundSeconds(int tokens, TransferReport transfer, ShapedLink link) {
    double compute = (transfer.computeEndNs() - transfer.computeStartNs()) / 1e9;
    double wire = (transfer.kvBytes() + transfer.hiddenBytes()) / link.bytesPerSecond();
    int chunks = Math.ceilDiv(tokens, CHUNK_TOKENS);
    int lastTokens = tokens - (chunks - 1) * CHUNK_TOKENS;
    double first = compute / chunks / nodes.layers();
    double last = (double) lastTokens * nodes.tokenBytes() / nodes.layers() / link.bytesPerSecond();
    return Math.max(compute, wire) + first + last;
  }
}
