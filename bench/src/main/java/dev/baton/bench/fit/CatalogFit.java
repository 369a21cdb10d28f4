package dev.baton.bench.fit;

import dev.baton.bench.fit.Holdout.Tested;
import dev.baton.bench.fit.PublishedSpeed.Kind;
import dev.baton.bench.fit.PublishedSpeed.Phase;
import dev.baton.device.Coefficients;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The catalog's coefficients, and how wrong they are where nothing was fitted.
 *
 * @param coefficients with the errors that the catalog states
 * @param tested what was predicted without having been seen
 */
record CatalogFit(Coefficients coefficients, Map<Holdout, List<Tested>> tested) {
  /** So many rows of a generation tell as much of its error as all others together do. */
  private static final double ROWS_TO_BELIEVE = 20;

  private static final String HEADER = "coefficient,value\n";

  /** Fits and tests. */
  static CatalogFit of(SpeedFit fit, List<PublishedSpeed> rows) {
    Map<Holdout, List<Tested>> tested = new EnumMap<>(Holdout.class);
    for (Holdout holdout : Holdout.values()) {
      tested.put(holdout, holdout.test(fit::of, rows));
    }
    Map<String, Double> values = new TreeMap<>();
    for (Phase phase : Phase.values()) {
      values.putAll(fit.of(rows, phase).values());
      for (Kind kind : Kind.values()) {
        Predicate<Tested> own = t -> t.row().phase() == phase && t.row().kind() == kind;
        values.putAll(
            errors(
                "error." + word(phase) + "." + word(kind),
                tested.getOrDefault(Holdout.DEVICE, List.of()).stream().filter(own).toList(),
                tested.getOrDefault(Holdout.FAMILY, List.of()).stream().filter(own).toList()));
      }
    }
    return new CatalogFit(new Coefficients(values), tested);
  }

  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  /**
   * Standard deviations: of a generation nobody has seen, and of devices of those that are known.
   */
  private static Map<String, Double> errors(
      String name, List<Tested> unseenDevices, List<Tested> unseenFamilies) {
    Map<String, Double> errors = new TreeMap<>();
    errors.put(name, Math.sqrt(variance(unseenFamilies)));
    double overall = variance(unseenDevices);
    unseenDevices.stream()
        .collect(Collectors.groupingBy(t -> t.row().device().family().word()))
        .forEach((family, tested) -> {
          double sum = variance(tested) * tested.size() + overall * ROWS_TO_BELIEVE;
          double variance = sum / (tested.size() + ROWS_TO_BELIEVE);
          errors.put(name + "." + family, Math.sqrt(variance));
        });
    return errors;
  }

  private static double variance(List<Tested> tested) {
    double sum = 0;
    for (Tested t : tested) {
      sum += t.error() * t.error();
    }
    return sum / tested.size();
  }

  /**
   * The same predictions of unseen devices, had each series' shortest run of one sequence been
   * measured there and all others been scaled by it; that run itself left out.
   */
  List<Tested> refined() {
    Map<String, Tested> measured = new HashMap<>();
    List<Tested> unseen = tested.getOrDefault(Holdout.DEVICE, List.of());
    for (Tested t : unseen) {
      if (t.row().batch() == 1) {
        measured.merge(t.row().series(), t, (a, b) -> b.row().reach() < a.row().reach() ? b : a);
      }
    }
    return unseen.stream()
        .filter(t -> measured.containsKey(t.row().series()))
        .filter(t -> !t.equals(measured.get(t.row().series())))
        .map(t -> scaled(t, measured.getOrDefault(t.row().series(), t)))
        .toList();
  }

  private static Tested scaled(Tested tested, Tested by) {
    return new Tested(tested.row(), (1 + tested.error()) / (1 + by.error()) - 1);
  }

  /** The coefficients as they stand in the engine's file. */
  String asCsv() {
    StringBuilder csv = new StringBuilder(HEADER);
    new TreeMap<>(coefficients.values())
        .forEach((name, value) ->
            csv.append(name)
                .append(',')
                .append(String.format(Locale.ROOT, "%.4f", value))
                .append('\n'));
    return csv.toString();
  }
}
