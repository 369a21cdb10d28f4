package dev.baton.learn;

import dev.baton.journal.JournalEntry;
import dev.baton.plan.Correction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;

/**
 * How much longer each node takes than the cost model says, learnt from what requests took. A
 * factor multiplies the model's seconds: 2 for a node that another load has made half as fast.
 *
 * <p>A node has a level for prompts and one for decode steps: the median of its last ratios of
 * measured to modelled time, which noise barely moves. A median follows a change slowly, so three
 * ratios among the last five that are off to the same side begin a new window: a change shows in
 * its third request, a single outlier never does.
 *
 * <p>What a kind of requests takes beyond its node's level is learnt apart, slowly: for each length
 * of prompts, in steps of two, and for whole prompts and those that two nodes share. A model that
 * is right for long prompts may be off for short ones, but a node that slows down does so for all.
 *
 * <p>Any thread may call any method. The factors follow from the entries and their order alone, so
 * a journal that is replayed gives them back.
 */
public final class Corrections {
  /**
   * Requests that are off alike, those with whole prompts first and then by length.
   *
   * @param shared whether two nodes share the prompt
   * @param octave binary logarithm of its length
   */
  private record Kind(boolean shared, int octave) implements Comparable<Kind> {
    private static final Comparator<Kind> ORDER =
        Comparator.comparing(Kind::shared).thenComparingInt(Kind::octave);

    static Kind of(boolean shared, int promptTokens) {
      return new Kind(
          shared, Integer.SIZE - 1 - Integer.numberOfLeadingZeros(Math.max(1, promptTokens)));
    }

    /** How unlike two are. */
    int distance(Kind other) {
      return Math.abs(octave - other.octave) + (shared == other.shared ? 0 : OTHER_SHARING);
    }

    @Override
    public int compareTo(Kind other) {
      return ORDER.compare(this, other);
    }
  }

  /** What one node's requests have shown. */
  private static final class Seen {
    private final Level prompts = new Level(PROMPTS_WINDOW);

    /**
     * What kinds of prompts take beyond the level of all; in an order of their own, so that of
     * several as near the same one is taken everywhere.
     */
    private final ConcurrentSkipListMap<Kind, Ratios> kinds = new ConcurrentSkipListMap<>();

    private final Level decode = new Level(DECODE_WINDOW);

    double decodeFactor() {
      return Math.exp(decode.median());
    }

    double promptFactor(Kind kind) {
      return Math.exp(Math.clamp(prompts.median() + beyondLevel(kind), -LIMIT, LIMIT));
    }

    /** What was never seen is taken to be off as what is most like it. */
    private double beyondLevel(Kind kind) {
      double beyond = 0;
      int least = Integer.MAX_VALUE;
      for (Map.Entry<Kind, Ratios> each : kinds.entrySet()) {
        int distance = each.getKey().distance(kind);
        if (distance < least) {
          beyond = each.getValue().median;
          least = distance;
        }
      }
      return beyond;
    }

    void observePrompt(long request, Kind kind, double modelledSeconds, double measuredSeconds) {
      if (isKnown(modelledSeconds, measuredSeconds)) {
        double log = Math.log(measuredSeconds / modelledSeconds);
        Ratios beyond =
            kinds.computeIfAbsent(kind, _ -> new Ratios(beyondLevel(kind), KIND_WINDOW));
        double before = prompts.median();
        long changed = prompts.observe(request, log - beyond.median);
        beyond.add(request, log - before);
        if (changed != Level.UNCHANGED) {
          // What looked like a matter of some kinds was the beginning of a change of all.
          kinds.values().forEach(each -> each.forgetFrom(changed));
        }
      }
    }

    void observeDecode(long request, double modelledSeconds, double measuredSeconds) {
      if (isKnown(modelledSeconds, measuredSeconds)) {
        decode.observe(request, Math.log(measuredSeconds / modelledSeconds));
      }
    }

    private static boolean isKnown(double modelledSeconds, double measuredSeconds) {
      return modelledSeconds > 0 && measuredSeconds > 0;
    }
  }

  /** Factors stay in [1 / LARGEST_FACTOR, LARGEST_FACTOR]. */
  public static final double LARGEST_FACTOR = 16;

  private static final double LIMIT = Math.log(LARGEST_FACTOR);

  /** A prompt is long beside what disturbs a machine, so that few already say what it is like. */
  private static final int PROMPTS_WINDOW = 8;

  private static final int DECODE_WINDOW = 32;
  private static final int KIND_WINDOW = 32;
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
  private static final int OTHER_SHARING = 2;

  private final ConcurrentHashMap<String, Seen> nodes = new ConcurrentHashMap<>();
  private long requests; // guarded by this

  /**
   * What a node's modelled seconds are to be multiplied by for a prompt of that length; nothing for
   * an unknown node.
   */
  public Correction of(String node, int promptTokens) {
    Seen seen = nodes.get(node);
    if (seen == null) {
      return Correction.NONE;
    }
    return new Correction(
        seen.promptFactor(Kind.of(false, promptTokens)),
        seen.promptFactor(Kind.of(true, promptTokens)),
        seen.decodeFactor());
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
    JournalEntry.Phases modelled = entry.times().modelled();
    JournalEntry.Phases measured = entry.times().measured();
    JournalEntry.Route route = entry.route();
    Kind kind = Kind.of(route.sharesThePrompt(), entry.tokens().promptTokens());
    if (route.prefillNode() != null) {
      seen(route.prefillNode())
          .observePrompt(
              requests, kind, modelled.prefillThereSeconds(), measured.prefillThereSeconds());
    }
    Seen here = seen(route.decodeNode());
    here.observePrompt(
        requests, kind, modelled.prefillHereSeconds(), measured.prefillHereSeconds());
    here.observeDecode(requests, modelled.decodeSeconds(), measured.decodeSeconds());
  }

  private Seen seen(String node) {
    return nodes.computeIfAbsent(node, _ -> new Seen());
  }

  private record Ratio(long request, double log) {
    Ratio {
      log = Math.clamp(log, -LIMIT, LIMIT);
    }
  }

  /** The last ratios, and their median. */
  private static final class Ratios {
    private final List<Ratio> ratios;
    private final int window;

    /** A logarithm. */
    volatile double median;

    /**
     * Begins with two ratios that it is taken to have: a first outlier says nothing.
     *
     * @param log logarithm of a factor
     * @param window how many are kept
     */
    Ratios(double log, int window) {
      this.ratios = new ArrayList<>(List.of(new Ratio(0, log), new Ratio(0, log)));
      this.window = window;
      this.median = log;
    }

    void add(long request, double log) {
      ratios.add(new Ratio(request, log));
      if (ratios.size() > window) {
        ratios.removeFirst();
      }
      setMedian();
    }

    void forgetFrom(long request) {
      ratios.removeIf(ratio -> ratio.request >= request);
      setMedian();
    }

    void forgetBefore(int index) {
      ratios.subList(0, index).clear();
      setMedian();
    }

    private void setMedian() {
      median =
          ratios.isEmpty()
              ? 0
              : Corrections.median(ratios.stream().mapToDouble(Ratio::log).toArray());
    }
  }

  /** A median that begins anew at a change. */
  private static final class Level {
    static final long UNCHANGED = -1;

    private final Ratios recent;

    Level(int window) {
      recent = new Ratios(0, window);
    }

    double median() {
      return recent.median;
    }

    /** The first request of the change that this one makes certain, or {@link #UNCHANGED}. */
    long observe(long request, double log) {
      double before = recent.median;
      recent.add(request, log);
      // Of the level before it, as is its noise: a change is not to hide itself.
      int first = firstOfAChange(before);
      if (first == 0) {
        return UNCHANGED;
      }
      recent.forgetBefore(first);
      return recent.ratios.getFirst().request;
    }

    /** Its place among the ratios; 0 where there is none. */
    private int firstOfAChange(double level) {
      List<Ratio> ratios = recent.ratios;
      double noise = noise(level);
      double last = ratios.getLast().log - level;
      double side = Math.signum(last);
      int off = 0;
      int first = 0;
      for (int i = ratios.size() - 1; i >= Math.max(0, ratios.size() - RECENT); i--) {
        if ((ratios.get(i).log - level) * side > noise) {
          off++;
          first = i;
        }
      }
      return off < SAME_SIDE || last * side <= noise ? 0 : first;
    }

    /** How far from the level a ratio may be by chance. */
    private double noise(double level) {
      double[] distances =
          recent.ratios.stream().mapToDouble(ratio -> Math.abs(ratio.log - level)).toArray();
      double spread = SPREAD_PER_MEDIAN_DISTANCE * Corrections.median(distances);
      return Math.clamp(NOISE_SPREADS * spread, LEAST_CHANGE, LARGEST_NOISE);
    }
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return (values[(values.length - 1) / 2] + values[values.length / 2]) / 2;
  }
}
