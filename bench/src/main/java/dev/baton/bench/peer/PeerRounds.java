package dev.baton.bench.peer;

import dev.baton.bench.report.Figure;
import dev.baton.bench.report.Spread;
import dev.baton.kernel.CpuPeaks;
import java.util.ArrayList;
import java.util.List;

/** The rounds of one number of threads, and the figures they make. */
final class PeerRounds {
  static final double PREFILL_SHARE = 65;
  static final double DECODE_SHARE_ONE_THREAD = 88;
  static final double DECODE_SHARE = 93;
  static final double BATCH_GAIN = 3;

  /** Baton's and the peer's tokens a second, round by round. */
  record Pair(List<Double> baton, List<Double> peer) {
    Pair() {
      this(new ArrayList<>(), new ArrayList<>());
    }
  }

  private final int threads;
  private final ModelWork work;
  private final List<CpuPeaks> peaks = new ArrayList<>();

  PeerRounds(int threads, ModelWork work) {
    this.threads = threads;
    this.work = work;
  }

  void add(CpuPeaks measured) {
    peaks.add(measured);
  }

  /** The best of all rounds: noise only ever takes, and a share is of what there is. */
  private CpuPeaks best() {
    return new CpuPeaks(
        peaks.stream().mapToDouble(CpuPeaks::dotOpsPerSecond).max().orElseThrow(),
        peaks.stream().mapToDouble(CpuPeaks::fmaOpsPerSecond).max().orElseThrow(),
        peaks.stream().mapToDouble(CpuPeaks::readBytesPerSecond).max().orElseThrow());
  }

  List<Figure> peakFigures() {
    String of = name("peak of ");
    return List.of(
        Figure.of(of + "integer dots", spread(peaks, CpuPeaks::dotOpsPerSecond, 1e-9), "GOPS"),
        Figure.of(
            of + "float multiply-adds", spread(peaks, CpuPeaks::fmaOpsPerSecond, 1e-9), "GFLOPS"),
        Figure.of(of + "reading", spread(peaks, CpuPeaks::readBytesPerSecond, 1e-9), "GB/s"));
  }

  private static Spread spread(
      List<CpuPeaks> peaks, java.util.function.ToDoubleFunction<CpuPeaks> of, double factor) {
    return Spread.of(peaks.stream().map(of::applyAsDouble).toList()).times(factor);
  }

  List<Figure> prefillFigures(int tokens, Pair speeds) {
    String of = name("prefill of " + tokens);
    List<Figure> figures = new ArrayList<>(compared(of, speeds));
    double share = 100 * work.prefillOps(tokens) / tokens / best().dotOpsPerSecond();
    figures.add(
        Figure.atLeast(
            PREFILL_SHARE, of + ", share of dots", Spread.of(speeds.baton).times(share), "%"));
    return figures;
  }

  List<Figure> decodeFigures(int depth, int tokens, Pair speeds) {
    String of = name("decode at " + depth);
    List<Figure> figures = new ArrayList<>(compared(of, speeds));
    double share = 100 * work.decodeBytes(depth, tokens) / best().readBytesPerSecond();
    figures.add(
        Figure.atLeast(
            threads == 1 ? DECODE_SHARE_ONE_THREAD : DECODE_SHARE,
            of + ", share of reading",
            Spread.of(speeds.baton).times(share),
            "%"));
    return figures;
  }

  /** A batch's tokens a second beside those of one sequence. */
  List<Figure> batchFigures(int depth, int sequences, List<Double> batch, List<Double> one) {
    String of = name("decode at " + depth + ", " + sequences + " sequences");
    Spread gain = Spread.ofRatios(batch, one);
    return List.of(
        Figure.of(of, Spread.of(batch), "tok/s"),
        sequences == 8
            ? Figure.atLeast(BATCH_GAIN, of + " / 1", gain, "x")
            : Figure.of(of + " / 1", gain, "x"));
  }

  private static List<Figure> compared(String of, Pair speeds) {
    return List.of(
        Figure.of(of + ", Baton", Spread.of(speeds.baton), "tok/s"),
        Figure.of(of + ", llama-bench", Spread.of(speeds.peer), "tok/s"),
        Figure.of(of + ", ratio", Spread.ofRatios(speeds.baton, speeds.peer), "x"));
  }

  private String name(String what) {
    return threads + (threads == 1 ? " thread, " : " threads, ") + what;
  }
}
