package dev.baton.bench.report;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * One number of a result that a later result can be compared with.
 *
 * @param name what it is of; no other of the result has it, and it does not change with what was
 *     measured
 * @param unit {@code ms}, {@code tok/s}, {@code MB}
 * @param better which way is better
 * @param median of the runs
 * @param low the lowest
 * @param high the highest
 * @param runs how many; the spread of one is not known
 */
public record ResultFigure(
    String name, String unit, Better better, double median, double low, double high, int runs) {
  /** Which way is better. */
  public enum Better {
    @JsonProperty("higher")
    HIGHER,
    @JsonProperty("lower")
    LOWER
  }

  public ResultFigure {
    if (name == null || name.isBlank() || unit == null || better == null) {
      throw new IllegalArgumentException("a figure has a name, a unit and a better way");
    }
    if (!(low <= median && median <= high && runs >= 1)) {
      throw new IllegalArgumentException(
          "'" + name + "' needs low <= median <= high, of at least one run");
    }
  }

  public static ResultFigure of(String name, String unit, Better better, Spread of) {
    return new ResultFigure(name, unit, better, of.median(), of.low(), of.high(), of.rounds());
  }
}
