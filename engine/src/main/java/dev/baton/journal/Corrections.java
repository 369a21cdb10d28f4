package dev.baton.journal;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * How much longer each node takes than the cost model says, learnt from what requests took. A
 * factor multiplies the model's seconds: 2 for a node that another load has made half as fast.
 *
 * <p>A factor is the median of up to {@value #WINDOW} ratios of measured to modelled time, which
 * noise barely moves. A median of many follows a change slowly, so three ratios among the last five
 * that are off to the same side begin a new window: a change shows in its third request, a single
 * outlier never does.
 *
 * <p>Any thread may call any method. The factors follow from the entries and their order alone, so
 * a journal that is replayed gives them back.
 */
public final class Corrections {
  /** Part of a request's work that a node may be faster or slower at. */
  public enum Phase {
    PREFILL,
    DECODE
  }

  /** Factors stay in [1 / LARGEST_FACTOR, LARGEST_FACTOR]. */
  public static final double LARGEST_FACTOR = 16;

  private static final int WINDOW = 32;
  private static final int RECENT = 5;
  private static final int SAME_SIDE = 3;

  /** Off by less is noise, whatever the spread; off by more is not, whatever the spread. */
  private static final double LEAST_CHANGE = Math.log(1.2);

  private static final double LARGEST_NOISE = Math.log(1.5);

  /** Spreads that noise leaves once in twenty. */
  private static final double NOISE_SPREADS = 2;

  /** The standard deviation of normal noise whose median distance from its middle is 1. */
  private static final double SPREAD_PER_MEDIAN_DISTANCE = 1.4826;

  private record Key(String node, Phase phase) {}

  private final ConcurrentHashMap<Key, Track> tracks = new ConcurrentHashMap<>();

  /** What a node's modelled seconds of a phase are to be multiplied by; 1 for an unknown node. */
  public double factor(String node, Phase phase) {
    Track track = tracks.get(new Key(node, phase));
    return track == null ? 1 : track.factor;
  }

  /**
   * Learns from a request. One that fell back tells nothing, since it did not run as modelled; nor
   * does a phase of which either time is 0.
   */
  public void observe(JournalEntry entry) {
    if (entry.fallback() != null) {
      return;
    }
    JournalEntry.Phases modelled = entry.modelled();
    JournalEntry.Phases measured = entry.measured();
    observe(
        entry.prefillNode(),
        Phase.PREFILL,
        modelled.prefillThereSeconds(),
        measured.prefillThereSeconds());
    observe(
        entry.decodeNode(),
        Phase.PREFILL,
        modelled.prefillHereSeconds(),
        measured.prefillHereSeconds());
    observe(entry.decodeNode(), Phase.DECODE, modelled.decodeSeconds(), measured.decodeSeconds());
  }

  private void observe(
      @Nullable String node, Phase phase, double modelledSeconds, double measuredSeconds) {
    if (node == null || modelledSeconds <= 0 || measuredSeconds <= 0) {
      return;
    }
    double limit = Math.log(LARGEST_FACTOR);
    double ratio = Math.clamp(Math.log(measuredSeconds / modelledSeconds), -limit, limit);
    tracks.computeIfAbsent(new Key(node, phase), _ -> new Track()).observe(ratio);
  }

  /** The logarithms of the ratios since the last change. */
  private static final class Track {
    /** Begins with two that say the model is right: a first outlier is no change. */
    private final List<Double> ratios = new ArrayList<>(List.of(0.0, 0.0));

    private volatile double factor = 1;

    synchronized void observe(double ratio) {
      ratios.add(ratio);
      if (ratios.size() > WINDOW) {
        ratios.removeFirst();
      }
      forgetWhatWasBeforeAChange();
      factor = Math.exp(median(ratios));
    }

    private void forgetWhatWasBeforeAChange() {
      double level = Math.log(factor);
      double noise = noise(level);
      double side = Math.signum(ratios.getLast() - level);
      int off = 0;
      int first = ratios.size();
      for (int i = ratios.size() - 1; i >= Math.max(0, ratios.size() - RECENT); i--) {
        if ((ratios.get(i) - level) * side > noise) {
          off++;
          first = i;
        }
      }
      if (off >= SAME_SIDE && (ratios.getLast() - level) * side > noise) {
        ratios.subList(0, first).clear();
      }
    }

    /** How far from the level a ratio may be by chance. */
    private double noise(double level) {
      List<Double> distances = new ArrayList<>();
      for (double ratio : ratios) {
        distances.add(Math.abs(ratio - level));
      }
      double spread = SPREAD_PER_MEDIAN_DISTANCE * median(distances);
      return Math.clamp(NOISE_SPREADS * spread, LEAST_CHANGE, LARGEST_NOISE);
    }

    private static double median(List<Double> values) {
      double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
      Arrays.sort(sorted);
      return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
  }
}
