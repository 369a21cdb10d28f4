package dev.baton.bench.fit;

import dev.baton.bench.fit.PublishedSpeed.Phase;
import dev.baton.device.Coefficients;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * From speeds to coefficients. How far a coefficient may go from 0 is a matter of what it means: a
 * vendor's software differs from another's more than two generations of a vendor's chips do, and
 * these more than two devices of a generation. Physics narrows it further: whatever is read, memory
 * gives about the same share of its bandwidth.
 *
 * @param scale of all these deviations, 1 for what they are
 */
record SpeedFit(double scale) {
  private record Prior(Pattern name, double deviation) {
    Prior(String name, double deviation) {
      this(Pattern.compile(name), deviation);
    }
  }

  /** The first whose pattern is the coefficient's whole name counts. */
  private static final List<Prior> PRIORS =
      List.of(
          new Prior(".*\\.device\\..*", 0.1),
          new Prior("decode\\.kv\\..*", 0.1),
          new Prior("decode\\.weights\\.as\\..*", 0.05),
          new Prior("decode\\.weights(\\.(apple|nvidia))?", 0.05),
          new Prior(".*\\.(bandwidth\\.\\w+|peak|power)", 0.3),
          new Prior(".*\\.as\\..*", 0.15),
          new Prior(".*\\.(apple|nvidia)\\.\\w+", 0.15),
          new Prior(".*\\.(apple|nvidia)", 0.2),
          new Prior(".*", 0.5));

  private static final List<Double> SCALES = List.of(0.5, 1.0, 2.0);
  private static final int GROUPS = 5;

  private static double deviation(String coefficient) {
    return PRIORS.stream()
        .filter(prior -> prior.name.matcher(coefficient).matches())
        .findFirst()
        .orElseThrow()
        .deviation;
  }

  /** Fits the rows of one phase. */
  Coefficients of(List<PublishedSpeed> rows, Phase phase) {
    List<PublishedSpeed> own = rows.stream().filter(row -> row.phase() == phase).toList();
    Map<String, Long> seriesSize =
        own.stream().collect(Collectors.groupingBy(PublishedSpeed::series, Collectors.counting()));
    List<LogRidge.Sample> samples =
        own.stream()
            .map(row -> {
              // Rows of a series err together: sixteen of them tell as much as four would.
              double weight = 1 / Math.sqrt(seriesSize.getOrDefault(row.series(), 1L));
              return new LogRidge.Sample(row.terms(), row.seconds(), weight);
            })
            .toList();
    return LogRidge.fit(samples, name -> scale * deviation(name));
  }

  /**
   * Fits the rows of one phase with that one of some scales which predicts devices best that a fit
   * had not seen: by the given rows alone, their devices dealt into a few groups.
   */
  static Coefficients withScaleChosen(List<PublishedSpeed> rows, Phase phase) {
    List<String> devices =
        rows.stream().map(row -> row.device().name()).distinct().sorted().toList();
    double bestScale = 1;
    double least = Double.POSITIVE_INFINITY;
    for (double scale : SCALES) {
      SpeedFit fit = new SpeedFit(scale);
      double sum = 0;
      for (int g = 0; g < GROUPS; g++) {
        int group = g;
        Map<Boolean, List<PublishedSpeed>> parts =
            rows.stream()
                .collect(
                    Collectors.partitioningBy(
                        row -> devices.indexOf(row.device().name()) % GROUPS == group));
        Coefficients found = fit.of(parts.getOrDefault(false, List.of()), phase);
        for (PublishedSpeed row : parts.getOrDefault(true, List.of())) {
          sum += Math.abs(row.error(found));
        }
      }
      if (sum < least) {
        least = sum;
        bestScale = scale;
      }
    }
    return new SpeedFit(bestScale).of(rows, phase);
  }
}
