package dev.baton.journal;

import dev.baton.plan.Correction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
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
 * <p>Each length of prompts has factors of its own, in steps of two, for whole prompts and for
 * those that two nodes share: a model that is right for long prompts may be off for short ones.
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

  /**
   * Work that is off alike.
   *
   * @param octave binary logarithm of the prompt's length; 0 of decode steps
   */
  private record Work(Phase phase, int octave) {
    static Work ofPrompt(boolean shared, int tokens) {
      return new Work(
          shared ? Phase.SHARED_PREFILL : Phase.PREFILL,
          Integer.SIZE - 1 - Integer.numberOfLeadingZeros(Math.max(1, tokens)));
    }

    /** How unlike two prompts are; far for what is none. */
    int distance(Work other) {
      boolean prompts = phase != Phase.DECODE && other.phase != Phase.DECODE;
      return !prompts
          ? FAR
          : Math.abs(octave - other.octave) + (phase == other.phase ? 0 : OTHER_KIND);
    }
  }

  private static final Work DECODE = new Work(Phase.DECODE, 0);

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

  private static final int FAR = 1000;

  /** A shared prompt's part and a whole prompt are as unlike as two that differ fourfold. */
  private static final int OTHER_KIND = 2;

  private final ConcurrentHashMap<String, ConcurrentHashMap<Work, Track>> tracks =
      new ConcurrentHashMap<>();
  private long requests; // guarded by this

  /**
   * What a node's modelled seconds are to be multiplied by for a prompt of that length; nothing for
   * an unknown node.
   */
  public Correction of(String node, int promptTokens) {
    Map<Work, Track> seen = tracks.getOrDefault(node, new ConcurrentHashMap<>());
    Track decode = seen.get(DECODE);
    return new Correction(
        Math.exp(level(seen, Work.ofPrompt(false, promptTokens))),
        Math.exp(level(seen, Work.ofPrompt(true, promptTokens))),
        decode == null ? 1 : Math.exp(decode.level));
  }

  /** What was never seen is taken to be off as what is most like it. */
  private static double level(Map<Work, Track> seen, Work work) {
    Track nearest = null;
    int least = FAR;
    for (Map.Entry<Work, Track> each : seen.entrySet()) {
      int distance = each.getKey().distance(work);
      // Of two as near the shorter prompt's, so that the same entries always give the same.
      boolean first = nearest != null && distance == least && each.getKey().octave < work.octave;
      if (distance < least || first) {
        nearest = each.getValue();
        least = distance;
      }
    }
    return nearest == null ? 0 : nearest.level;
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
    Work prompt = Work.ofPrompt(shared, entry.promptTokens());
    if (entry.prefillNode() != null) {
      observe(
          entry.prefillNode(),
          prompt,
          modelled.prefillThereSeconds(),
          measured.prefillThereSeconds());
    }
    observe(
        entry.decodeNode(), prompt, modelled.prefillHereSeconds(), measured.prefillHereSeconds());
    observe(entry.decodeNode(), DECODE, modelled.decodeSeconds(), measured.decodeSeconds());
  }

  /**
   * A node that has become slower at one kind of prompts is taken to be so at the others, unless
   * one of those has shown its own time meanwhile.
   */
  private void observe(String node, Work work, double modelledSeconds, double measuredSeconds) {
    if (modelledSeconds <= 0 || measuredSeconds <= 0) {
      return;
    }
    Map<Work, Track> seen = tracks.computeIfAbsent(node, _ -> new ConcurrentHashMap<>());
    Track own = seen.get(work);
    if (own == null) {
      own = new Track(level(seen, work));
      seen.put(work, own);
    }
    Change change = own.observe(requests, Math.log(measuredSeconds / modelledSeconds));
    if (change != null) {
      seen.forEach((other, track) -> {
        if (other.distance(work) < FAR && track.lastRequest < change.firstRequest) {
          track.shift(change.by);
        }
      });
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
