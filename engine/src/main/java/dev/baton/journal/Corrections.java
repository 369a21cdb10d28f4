package dev.baton.journal;

import dev.baton.plan.Correction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
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
 * <p>Each length of prompts has factors of its own, in steps of two, for whole prompts and for
 * those that two nodes share: a model that is right for long prompts may be off for short ones.
 *
 * <p>Any thread may call any method. The factors follow from the entries and their order alone, so
 * a journal that is replayed gives them back.
 */
public final class Corrections {
  /**
   * Prompts that are off alike, whole ones first and then by length.
   *
   * @param shared whether two nodes share them
   * @param octave binary logarithm of their length
   */
  private record Prompts(boolean shared, int octave) implements Comparable<Prompts> {
    private static final Comparator<Prompts> ORDER =
        Comparator.comparing(Prompts::shared).thenComparingInt(Prompts::octave);

    static Prompts like(boolean shared, int tokens) {
      return new Prompts(
          shared, Integer.SIZE - 1 - Integer.numberOfLeadingZeros(Math.max(1, tokens)));
    }

    /** How unlike two are. */
    int distance(Prompts other) {
      return Math.abs(octave - other.octave) + (shared == other.shared ? 0 : OTHER_KIND);
    }

    @Override
    public int compareTo(Prompts other) {
      return ORDER.compare(this, other);
    }
  }

  /** What one node's requests have shown. */
  private static final class Seen {
    /** In an order of their own, so that of several as near the same one is taken everywhere. */
    final ConcurrentSkipListMap<Prompts, Track> prefills = new ConcurrentSkipListMap<>();

    final Track decode = new Track(0);

    /** What was never seen is taken to be off as what is most like it. */
    double level(Prompts prompts) {
      double level = 0;
      int least = Integer.MAX_VALUE;
      for (Map.Entry<Prompts, Track> each : prefills.entrySet()) {
        int distance = each.getKey().distance(prompts);
        if (distance < least) {
          level = each.getValue().level;
          least = distance;
        }
      }
      return level;
    }
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

  /** A shared prompt's part and a whole prompt are as unlike as two that differ fourfold. */
  private static final int OTHER_KIND = 2;

  private final ConcurrentHashMap<String, Seen> nodes = new ConcurrentHashMap<>();
  private long requests; // guarded by this

  /**
   * What a node's modelled seconds are to be multiplied by for a prompt of that length; nothing for
   * an unknown node.
   */
  public Correction of(String node, int promptTokens) {
    Seen seen = nodes.get(node);
    return seen == null
        ? Correction.NONE
        : new Correction(
            Math.exp(seen.level(Prompts.like(false, promptTokens))),
            Math.exp(seen.level(Prompts.like(true, promptTokens))),
            Math.exp(seen.decode.level));
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
    Prompts prompts = Prompts.like(shared, entry.promptTokens());
    if (entry.prefillNode() != null) {
      observePrefill(
          seen(entry.prefillNode()),
          prompts,
          modelled.prefillThereSeconds(),
          measured.prefillThereSeconds());
    }
    Seen here = seen(entry.decodeNode());
    observePrefill(here, prompts, modelled.prefillHereSeconds(), measured.prefillHereSeconds());
    if (isKnown(modelled.decodeSeconds(), measured.decodeSeconds())) {
      here.decode.observe(requests, Math.log(measured.decodeSeconds() / modelled.decodeSeconds()));
    }
  }

  private Seen seen(String node) {
    return nodes.computeIfAbsent(node, _ -> new Seen());
  }

  private static boolean isKnown(double modelledSeconds, double measuredSeconds) {
    return modelledSeconds > 0 && measuredSeconds > 0;
  }

  /**
   * A node that has become slower at one kind of prompts is taken to be so at the others, unless
   * one of those has shown its own time meanwhile.
   */
  private void observePrefill(
      Seen seen, Prompts prompts, double modelledSeconds, double measuredSeconds) {
    if (!isKnown(modelledSeconds, measuredSeconds)) {
      return;
    }
    Track own = seen.prefills.computeIfAbsent(prompts, _ -> new Track(seen.level(prompts)));
    Change change = own.observe(requests, Math.log(measuredSeconds / modelledSeconds));
    if (change != null) {
      for (Track track : seen.prefills.values()) {
        if (track.lastRequest < change.firstRequest) {
          track.shift(change.by);
        }
      }
    }
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
    private List<Ratio> ratios;

    /** The logarithm of the factor. */
    private volatile double level;

    private long lastRequest;

    /**
     * Begins with two ratios of a level that it is taken to have: a first outlier is no change.
     *
     * @param level logarithm of a factor
     */
    Track(double level) {
      this.ratios = new ArrayList<>(List.of(new Ratio(0, level), new Ratio(0, level)));
      this.level = level;
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
