package dev.baton.bench.stream;

import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Spread;
import dev.baton.bench.report.WrongResult;
import dev.baton.kvstream.KvSink;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;

/** The full path against raw Aeron and the cipher, over loopback, in this process. */
final class LoopbackPart {
  private static final double BAR_PERCENT = 85;

  private final List<Shape> shapes;
  private final int[] mtuBytes;
  private final double seconds;
  private final UnaryOperator<KvSink> interference;

  /**
   * @param seconds for each shape and MTU
   */
  LoopbackPart(
      List<Shape> shapes, int[] mtuBytes, double seconds, UnaryOperator<KvSink> interference) {
    this.shapes = shapes;
    this.mtuBytes = mtuBytes;
    this.seconds = seconds;
    this.interference = interference;
  }

  PartReport run(Progress progress) throws InterruptedException, GeneralSecurityException {
    List<Figure> figures = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    notes.add("CPU seconds per GB, by thread:");
    try (LinkComparison comparison = new LinkComparison(interference)) {
      for (Shape shape : shapes) {
        for (int mtu : mtuBytes) {
          progress.show("loopback: " + shape.name() + ", MTU " + mtu);
          LinkResult result = comparison.measure(shape, mtu, seconds, true);
          add(result, figures, notes);
        }
      }
    } catch (WrongResult e) {
      return PartReport.wrong("loopback", e.reason());
    }
    return PartReport.measured("loopback", figures, notes);
  }

  private static void add(LinkResult result, List<Figure> figures, List<String> notes) {
    String of = result.shape() + ", MTU " + result.mtuBytes() + ": ";
    LinkResult.Keyed keyed = Objects.requireNonNull(result.keyed());
    figures.add(
        Figure.of(
            of + "raw Aeron, messages of " + result.messageBytes() + " B",
            result.raw().rate(),
            "MB/s"));
    figures.add(Figure.of(of + "full path", result.full().rate(), "MB/s"));
    figures.add(
        Figure.atLeast(BAR_PERCENT, of + "full path / raw", result.ratio().times(100), "%"));
    figures.add(Figure.of(of + "raw Aeron, memory to memory", keyed.copied().rate(), "MB/s"));
    figures.add(
        Figure.of(of + "full path / raw, memory to memory", keyed.copiedRatio().times(100), "%"));
    figures.add(
        Figure.of(
            of + "CPU per byte, raw / full path", Spread.exactly(100 / result.cpuRatio()), "%"));
    figures.add(Figure.of(of + "AES-256-GCM, encrypt", keyed.encrypt(), "MB/s"));
    figures.add(Figure.of(of + "AES-256-GCM, decrypt", keyed.decrypt(), "MB/s"));
    figures.add(Figure.of(of + "with a key", keyed.sealed().rate(), "MB/s"));
    figures.add(
        Figure.atLeast(
            BAR_PERCENT,
            of + "with a key / slower of raw and AES",
            keyed.sealedRatio().times(100),
            "%"));
    notes.add("  " + of + "raw " + cpu(result.raw()));
    notes.add("  " + of + "raw, memory to memory " + cpu(keyed.copied()));
    notes.add("  " + of + "full " + cpu(result.full()));
    notes.add("  " + of + "with a key " + cpu(keyed.sealed()));
  }

  private static String cpu(LinkResult.Way way) {
    StringBuilder text = new StringBuilder(String.format(Locale.ROOT, "%.2f =", way.totalCpu()));
    String separator = " ";
    for (Map.Entry<String, Double> role : way.cpu().entrySet()) {
      text.append(separator)
          .append(String.format(Locale.ROOT, "%s %.2f", role.getKey(), role.getValue()));
      separator = " + ";
    }
    return text.toString();
  }
}
