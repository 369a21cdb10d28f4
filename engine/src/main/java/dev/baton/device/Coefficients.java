package dev.baton.device;

import dev.baton.device.SpeedModel.Factor;
import dev.baton.device.SpeedModel.Term;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** What was fitted: values of {@link SpeedModel}'s coefficients by name. Immutable. */
public record Coefficients(Map<String, Double> values) {
  public Coefficients {
    values = Map.copyOf(values);
  }

  static Coefficients of(CsvTable table) {
    Map<String, Double> values = new LinkedHashMap<>();
    for (CsvTable.Row row : table.rows()) {
      if (values.put(row.text("coefficient"), row.number("value")) != null) {
        throw row.wrong(row.text("coefficient") + " stands there twice");
      }
    }
    return new Coefficients(values);
  }

  /** A coefficient, if it was fitted. */
  OptionalDouble of(String name) {
    Double value = values.get(name);
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
  }

  /** A coefficient; 0 where it was not fitted. */
  public double value(String name) {
    return values.getOrDefault(name, 0.0);
  }

  /** Seconds of all terms together. */
  public double seconds(List<Term> terms) {
    double sum = 0;
    for (Term term : terms) {
      double exponent = 0;
      for (Factor factor : term.factors()) {
        exponent += value(factor.coefficient()) * factor.weight();
      }
      sum += term.seconds() * StrictMath.exp(exponent);
    }
    return sum;
  }
}
