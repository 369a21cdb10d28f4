package dev.baton.journal;

import dev.baton.plan.Correction;
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
  private enum Phase {
    PREFILL,
    SHARED_PREFILL,
    DECODE
  }

  /** Factors stay in [1 / LARGEST_FACTOR, LARGEST_FACTOR]. */
  public static final double LARGEST_FACTOR = 16;

  private static final double LIMIT = Math.log(LARGEST_FACTOR);

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
  private long requests; // guarded by this

  /** What a node's modelled seconds are to be multiplied by; nothing for an unknown node. */
  public Correction of(String node) {
    return new Correction(
        Math.exp(levelOfPrefill(node, false)),
        Math.exp(levelOfPrefill(node, true)),
        Math.exp(track(node, Phase.DECODE).level));
  }

  /** What was never seen is taken to be as the other kind of prompts. */
  private double levelOfPrefill(String node, boolean shared) {
    Track own = prefill(node, shared);
    return own.isUnseen() ? prefill(node, !shared).level : own.level;
  }

  private Track prefill(String node, boolean shared) {
    return track(node, shared ? Phase.SHARED_PREFILL : Phase.PREFILL);
  }

  private Track track(String node, Phase phase) {
    return tracks.computeIfAbsent(new Key(node, phase), _ -> new Track());
  }

  /**
   * Learns from a request. One that fell back tells nothing, since it did not run as modelled; nor
   * does a phase of which either time is 0.
   */
  public synchronized void observe(JournalEntry entry) {
    if (entry.fallback() != null) {
      return;
    }
    requests++;
    JournalEntry.Phases modelled = entry.modelled();
    JournalEntry.Phases measured = entry.measured();
    boolean shared = entry.boundaryLayer() > 0 && entry.boundaryLayer() < entry.layers();
    if (entry.prefillNode() != null) {
      observePrefill(
          entry.prefillNode(),
          shared,
          modelled.prefillThereSeconds(),
          measured.prefillThereSeconds());
    }
    observePrefill(
        entry.decodeNode(), shared, modelled.prefillHereSeconds(), measured.prefillHereSeconds());
    observe(
        track(entry.decodeNode(), Phase.DECODE),
        modelled.decodeSeconds(),
        measured.decodeSeconds());
  }

  /**
   * A node that has become slower at one kind of prompts is taken to be so at the other kind,
   * unless one of that kind has shown its own time meanwhile.
   */
  private void observePrefill(
      String node, boolean shared, double modelledSeconds, double measuredSeconds) {
    Track own = prefill(node, shared);
    Track other = prefill(node, !shared);
    if (own.isUnseen()) {
      own.shift(other.level);
    }
    Change change = observe(own, modelledSeconds, measuredSeconds);
    if (change != null && !other.isUnseen() && other.lastRequest() < change.firstRequest) {
      other.shift(change.by);
    }
  }

  private @Nullable Change observe(Track track, double modelledSeconds, double measuredSeconds) {
    return modelledSeconds <= 0 || measuredSeconds <= 0
        ? null
        : track.observe(requests, Math.log(measuredSeconds / modelledSeconds));
  }

  /**
   * A level that is left for another.
   *
   * @param by logarithm of the times
   */
  private record Change(long firstRequest, double by) {}

  private record Ratio(long request, double log) {
    Ratio {
      log = Math.clamp(log, -LIMIT, LIMIT);
    }
  }

  /** The ratios since the last change. */
  private static final class Track {
    /** Begins with two that say the model is right: a first outlier is no change. */
    private List<Ratio> ratios = new ArrayList<>(List.of(new Ratio(0, 0), new Ratio(0, 0)));

    /** The logarithm of the factor. */
    private volatile double level;

    private volatile long lastRequest;

    long lastRequest() {
      return lastRequest;
    }

    boolean isUnseen() {
      return lastRequest == 0;
    }

    @Nullable Change observe(long request, double log) {
      ratios.add(new Ratio(request, log));
      if (ratios.size() > WINDOW) {
        ratios.removeFirst();
      }
      Change change = forgetWhatWasBeforeAChange();
      level = median(ratios);
      lastRequest = request;
      return change;
    }

    void shift(double by) {
      ratios =
          new ArrayList<>(
              ratios.stream().map(each -> new Ratio(each.request, each.log + by)).toList());
      level = median(ratios);
    }

    private @Nullable Change forgetWhatWasBeforeAChange() {
      double noise = noise();
      double side = Math.signum(ratios.getLast().log - level);
      int off = 0;
      int first = ratios.size();
      for (int i = ratios.size() - 1; i >= Math.max(0, ratios.size() - RECENT); i--) {
        if ((ratios.get(i).log - level) * side > noise) {
          off++;
          first = i;
        }
      }
      if (off < SAME_SIDE || first == 0 || (ratios.getLast().log - level) * side <= noise) {
        return null;
      }
      List<Ratio> before = ratios.subList(0, first);
      double old = median(before);
      before.clear();
      return new Change(ratios.getFirst().request, median(ratios) - old);
    }

    /** How far from the level a ratio may be by chance. */
    private double noise() {
      List<Double> distances = new ArrayList<>();
      for (Ratio ratio : ratios) {
        distances.add(Math.abs(ratio.log - level));
      }
      double spread = SPREAD_PER_MEDIAN_DISTANCE * medianOf(distances);
      return Math.clamp(NOISE_SPREADS * spread, LEAST_CHANGE, LARGEST_NOISE);
    }

    private static double median(List<Ratio> ratios) {
      return medianOf(ratios.stream().map(Ratio::log).toList());
    }

    private static double medianOf(List<Double> values) {
      double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
      Arrays.sort(sorted);
      return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
  }
}
