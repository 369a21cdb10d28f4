package dev.baton.bench.fit;

import dev.baton.device.Coefficients;
import dev.baton.device.SpeedModel.Factor;
import dev.baton.device.SpeedModel.Term;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Fits sums of exponentials to times, by their logarithms: least squares with Huber's loss, and a
 * normal prior around 0 for each coefficient. Gauss-Newton steps, shortened while they do not help.
 * Deterministic: the same samples in the same order give the same bits on every machine.
 */
final class LogRidge {
  /**
   * A time that was observed.
   *
   * @param terms whose sum it is
   * @param seconds observed
   * @param weight of it among the others, 1 for an ordinary one
   */
  record Sample(List<Term> terms, double seconds, double weight) {}

  private static final double NOISE = 0.06;
  private static final double HUBER = 1.5;
  private static final int MAX_STEPS = 60;
  private static final int MAX_HALVINGS = 12;
  private static final double ENOUGH = 1e-9;

  private final Map<String, Integer> indexes = new LinkedHashMap<>();
  private final List<Row> rows = new ArrayList<>();
  private final double[] precision;

  /** A sample with its coefficients as indexes. */
  private record Row(double[] base, int[][] index, double[][] power, double log, double weight) {}

  private LogRidge(List<Sample> samples, ToDoubleFunction<String> priorDeviation) {
    for (Sample sample : samples) {
      rows.add(row(sample));
    }
    precision = new double[indexes.size()];
    indexes.forEach((name, index) -> {
      double deviation = priorDeviation.applyAsDouble(name);
      precision[index] = 1 / (deviation * deviation);
    });
  }

  /**
   * The likeliest coefficients.
   *
   * @param priorDeviation how far from 0 a coefficient of that name may be expected
   */
  static Coefficients fit(List<Sample> samples, ToDoubleFunction<String> priorDeviation) {
    LogRidge problem = new LogRidge(samples, priorDeviation);
    double[] found = problem.solve();
    Map<String, Double> values = new LinkedHashMap<>();
    problem.indexes.forEach((name, index) -> values.put(name, found[index]));
    return new Coefficients(values);
  }

  private Row row(Sample sample) {
    int n = sample.terms().size();
    double[] base = new double[n];
    int[][] index = new int[n][];
    double[][] power = new double[n][];
    for (int t = 0; t < n; t++) {
      List<Factor> factors = sample.terms().get(t).factors();
      base[t] = sample.terms().get(t).seconds();
      index[t] = new int[factors.size()];
      power[t] = new double[factors.size()];
      for (int f = 0; f < factors.size(); f++) {
        String name = factors.get(f).coefficient();
        index[t][f] = indexes.computeIfAbsent(name, any -> indexes.size());
        power[t][f] = factors.get(f).weight();
      }
    }
    return new Row(base, index, power, StrictMath.log(sample.seconds()), sample.weight());
  }

  private double[] solve() {
    double[] at = new double[precision.length];
    double loss = loss(at);
    for (int step = 0; step < MAX_STEPS; step++) {
      double[] direction = direction(at);
      double[] next = at;
      double nextLoss = loss;
      double length = 1;
      for (int halving = 0; halving < MAX_HALVINGS && !(nextLoss < loss); halving++) {
        next = moved(at, direction, length);
        nextLoss = loss(next);
        length /= 2;
      }
      if (!(loss - nextLoss > ENOUGH * loss)) {
        break;
      }
      at = next;
      loss = nextLoss;
    }
    return at;
  }

  private static double[] moved(double[] from, double[] direction, double length) {
    double[] to = from.clone();
    for (int i = 0; i < to.length; i++) {
      to[i] += length * direction[i];
    }
    return to;
  }

  private double loss(double[] at) {
    double sum = 0;
    for (int i = 0; i < at.length; i++) {
      sum += precision[i] * at[i] * at[i] / 2;
    }
    for (Row row : rows) {
      double far = Math.abs(error(row, at, null)) / NOISE;
      sum += row.weight * (far <= HUBER ? far * far / 2 : HUBER * (far - HUBER / 2));
    }
    return sum;
  }

  /** Log of predicted over observed; its derivatives go into {@code slope} if that is not null. */
  private static double error(Row row, double[] at, double @Nullable [] slope) {
    double sum = 0;
    for (int t = 0; t < row.base.length; t++) {
      double exponent = 0;
      for (int f = 0; f < row.index[t].length; f++) {
        exponent += at[row.index[t][f]] * row.power[t][f];
      }
      double seconds = row.base[t] * StrictMath.exp(exponent);
      sum += seconds;
      for (int f = 0; slope != null && f < row.index[t].length; f++) {
        slope[row.index[t][f]] += seconds * row.power[t][f];
      }
    }
    for (int i = 0; slope != null && i < slope.length; i++) {
      slope[i] /= sum;
    }
    return StrictMath.log(sum) - row.log;
  }

  private double[] direction(double[] at) {
    int n = at.length;
    double[][] curvature = new double[n][n];
    double[] downhill = new double[n];
    for (int i = 0; i < n; i++) {
      curvature[i][i] = precision[i];
      downhill[i] = -precision[i] * at[i];
    }
    double[] slope = new double[n];
    int[] touched = new int[n];
    for (Row row : rows) {
      Arrays.fill(slope, 0);
      double error = error(row, at, slope);
      double far = Math.abs(error) / NOISE;
      double weight = row.weight * (far <= HUBER ? 1 : HUBER / far) / (NOISE * NOISE);
      int count = 0;
      for (int i = 0; i < n; i++) {
        if (slope[i] != 0) {
          touched[count++] = i;
        }
      }
      for (int a = 0; a < count; a++) {
        int i = touched[a];
        downhill[i] -= weight * slope[i] * error;
        for (int b = 0; b <= a; b++) {
          curvature[i][touched[b]] += weight * slope[i] * slope[touched[b]];
        }
      }
    }
    return solved(curvature, downhill);
  }

  /** Cholesky's way; only the lower half of the matrix is read, and it is overwritten. */
  private static double[] solved(double[][] matrix, double[] right) {
    int n = right.length;
    double[] x = right.clone();
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = matrix[i][j];
        for (int k = 0; k < j; k++) {
          sum -= matrix[i][k] * matrix[j][k];
        }
        matrix[i][j] = i == j ? Math.sqrt(sum) : sum / matrix[j][j];
      }
      for (int k = 0; k < i; k++) {
        x[i] -= matrix[i][k] * x[k];
      }
      x[i] /= matrix[i][i];
    }
    for (int i = n - 1; i >= 0; i--) {
      for (int k = i + 1; k < n; k++) {
        x[i] -= matrix[k][i] * x[k];
      }
      x[i] /= matrix[i][i];
    }
    return x;
  }
}
