package dev.baton.bench.fit;

import dev.baton.bench.fit.PublishedSpeed.Phase;
import dev.baton.device.Coefficients;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;

/**
 * What a prediction is tested without: rows that share it are left out of the fit together, and
 * then predicted by it.
 */
enum Holdout {
  DEVICE("the device"),
  FAMILY("its generation"),
  MODEL("the model"),
  /** Only where the same model at another depth is left, so that nothing else is new. */
  DEPTH("the depth");

  /** Makes coefficients of one phase's rows. */
  @FunctionalInterface
  interface Fitter {
    Coefficients fit(List<PublishedSpeed> rows, Phase phase);
  }

  private final String title;

  Holdout(String title) {
    this.title = title;
  }

  private String key(PublishedSpeed row) {
    return switch (this) {
      case DEVICE -> row.device().name();
      case FAMILY -> row.device().family().word();
      case MODEL -> row.bareModel();
      case DEPTH -> Integer.toString(row.reach());
    };
  }

  /**
   * A row that was predicted by a fit without it.
   *
   * @param row predicted
   * @param error predicted over observed, less 1
   */
  record Tested(PublishedSpeed row, double error) {}

  /** For people. */
  String title() {
    return title;
  }

  /** Predicts all rows that can be. */
  List<Tested> test(Fitter fitter, List<PublishedSpeed> rows) {
    List<Tested> tested = new ArrayList<>();
    for (Phase phase : Phase.values()) {
      List<PublishedSpeed> own = rows.stream().filter(row -> row.phase() == phase).toList();
      for (String left : new TreeSet<>(own.stream().map(this::key).toList())) {
        Predicate<PublishedSpeed> isLeft = row -> key(row).equals(left);
        List<PublishedSpeed> kept = own.stream().filter(isLeft.negate()).toList();
        Set<String> series = new HashSet<>(kept.stream().map(PublishedSpeed::series).toList());
        List<PublishedSpeed> due =
            own.stream()
                .filter(isLeft)
                .filter(row -> this != DEPTH || series.contains(row.series()))
                .toList();
        if (!due.isEmpty()) {
          Coefficients coefficients = fitter.fit(kept, phase);
          due.forEach(row -> tested.add(new Tested(row, row.error(coefficients))));
        }
      }
    }
    return tested;
  }
}
