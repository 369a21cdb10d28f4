package dev.baton.bench.result;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Time until the first token over one link, by prompt length, split by split, and what follows from
 * it.
 *
 * @param link which
 * @param outputTokens of these answers
 * @param bySplit the rows of each split by prompt length
 */
record Comparison(String link, int outputTokens, Map<String, TreeMap<Integer, SplitRow>> bySplit) {
  /**
   * From where on one way to cut is faster than computing locally.
   *
   * @param fromTokens length of the prompt, 0 where it is faster at every length
   * @param split the fastest of the longest prompt
   * @param same whether that is the fastest of every prompt from there on
   * @param times how much faster it is for the longest
   */
  record Crossover(double fromTokens, String split, boolean same, double times) {}

  /** One for each link, with the longest answers: their prompts are planned the same. */
  static List<Comparison> of(SplitResult result) {
    List<Comparison> all = new ArrayList<>();
    for (String link : result.setup().links()) {
      List<SplitRow> rows =
          result.rows().stream().filter(row -> row.key().link().equals(link)).toList();
      int output = rows.stream().mapToInt(row -> row.key().outputTokens()).max().orElse(0);
      Map<String, TreeMap<Integer, SplitRow>> bySplit = new LinkedHashMap<>();
      for (SplitRow row : rows) {
        if (row.key().outputTokens() == output) {
          bySplit
              .computeIfAbsent(row.key().split(), _ -> new TreeMap<>())
              .put(row.key().promptTokens(), row);
        }
      }
      if (!bySplit.isEmpty()) {
        all.add(new Comparison(link, output, bySplit));
      }
    }
    return all;
  }

  /** The lengths that were measured in every way, which an ended run may have few of. */
  List<Integer> prompts() {
    LinkedHashSet<Integer> lengths =
        new LinkedHashSet<>(bySplit.values().iterator().next().keySet());
    bySplit.values().forEach(rows -> lengths.retainAll(rows.keySet()));
    return List.copyOf(lengths);
  }

  private SplitRow row(String split, int prompt) {
    return Objects.requireNonNull(Objects.requireNonNull(bySplit.get(split)).get(prompt));
  }

  /** The fastest way to cut a prompt; what the planner chose is one of these. */
  private Optional<SplitRow> bestCut(int prompt) {
    return bySplit.keySet().stream()
        .filter(split -> !split.equals(SplitRow.LOCAL) && !split.equals(SplitRow.AUTO))
        .map(split -> row(split, prompt))
        .min(Comparator.comparingDouble(row -> row.ttft().median()));
  }

  /** Whether one is faster than the other beyond what either varies. */
  private static boolean isClearlyFaster(SplitRow one, SplitRow other) {
    return one.ttft().high() < other.ttft().median() && one.ttft().median() < other.ttft().low();
  }

  private boolean cutIsFaster(int prompt) {
    return bestCut(prompt)
        .map(cut -> isClearlyFaster(cut, row(SplitRow.LOCAL, prompt)))
        .orElse(false);
  }

  /** From where on cutting is clearly faster than not, for every longer prompt. */
  Optional<Crossover> crossover() {
    List<Integer> prompts = prompts();
    if (!bySplit.containsKey(SplitRow.LOCAL) || prompts.isEmpty()) {
      return Optional.empty();
    }
    int first = prompts.size();
    while (first > 0 && cutIsFaster(prompts.get(first - 1))) {
      first--;
    }
    if (first == prompts.size()) {
      return Optional.empty();
    }
    int longest = prompts.getLast();
    SplitRow best = bestCut(longest).orElseThrow();
    String split = best.key().split();
    boolean same =
        prompts.subList(first, prompts.size()).stream()
            .allMatch(prompt -> bestCut(prompt).orElseThrow().key().split().equals(split));
    return Optional.of(
        new Crossover(
            first == 0 ? 0 : crossing(prompts.get(first - 1), prompts.get(first)),
            split,
            same,
            row(SplitRow.LOCAL, longest).ttft().median() / best.ttft().median()));
  }

  /** Where the curves cross between two lengths, as straight lines of logarithms. */
  private double crossing(int shorter, int longer) {
    double before = lead(shorter);
    double after = lead(longer);
    if (before >= 0) {
      // There already, but by no more than the runs vary.
      return shorter;
    }
    double share = before / (before - after);
    return Math.exp(Math.log(shorter) + share * Math.log((double) longer / shorter));
  }

  private double lead(int prompt) {
    return Math.log(
        row(SplitRow.LOCAL, prompt).ttft().median()
            / bestCut(prompt).orElseThrow().ttft().median());
  }

  /** What it comes to, one sentence without its full stop. */
  String title() {
    return "Over " + SplitRow.linkTitle(link) + ", " + claim();
  }

  private String claim() {
    Optional<Crossover> crossover = crossover();
    if (crossover.isPresent()) {
      Crossover at = crossover.get();
      String who = at.same() ? cutTitle(at.split()) : "a split";
      String where =
          at.fromTokens() == 0
              ? "at every length"
              : "from " + tokens(at.fromTokens()) + " tokens on";
      return String.format(
          Locale.ROOT,
          "%s is faster than local %s, %.1f times at the longest",
          who,
          where,
          at.times());
    }
    List<Integer> prompts = prompts();
    if (!bySplit.containsKey(SplitRow.LOCAL) || prompts.isEmpty() || bySplit.size() == 1) {
      return "time to the first token";
    }
    List<Integer> faster = prompts.stream().filter(this::cutIsFaster).toList();
    if (!faster.isEmpty()) {
      return "a split is faster than local only at "
          + String.join(", ", faster.stream().map(String::valueOf).toList())
          + " tokens";
    }
    boolean clearly =
        prompts.stream()
            .allMatch(prompt ->
                bestCut(prompt)
                    .map(cut -> isClearlyFaster(row(SplitRow.LOCAL, prompt), cut))
                    .orElse(false));
    return clearly
        ? "local is fastest at every length up to " + prompts.getLast() + " tokens"
        : "no split is clearly faster than local up to " + prompts.getLast() + " tokens";
  }

  private static String cutTitle(String split) {
    return split.equals(SplitRow.REMOTE) ? split : "a cut at " + SplitRow.splitTitle(split);
  }

  /** How much slower the planner's choice was than the best of the others, at worst, in percent. */
  Optional<String> autoNote() {
    if (!bySplit.containsKey(SplitRow.AUTO) || bySplit.size() == 1 || prompts().isEmpty()) {
      return Optional.empty();
    }
    double worst = Double.NEGATIVE_INFINITY;
    int at = 0;
    for (int prompt : prompts()) {
      double best =
          bySplit.keySet().stream()
              .filter(split -> !split.equals(SplitRow.AUTO))
              .mapToDouble(split -> row(split, prompt).ttft().median())
              .min()
              .orElseThrow();
      double behind = 100 * (row(SplitRow.AUTO, prompt).ttft().median() / best - 1);
      if (behind > worst) {
        worst = behind;
        at = prompt;
      }
    }
    return Optional.of(
        worst <= 0
            ? "auto is faster than every other way at every length"
            : String.format(
                Locale.ROOT,
                "auto is at most %.0f %% slower than the fastest other way (at %d tokens)",
                worst,
                at));
  }

  /** Two digits: more is not known. */
  static String tokens(double count) {
    double unit = Math.pow(10, Math.floor(Math.log10(count)) - 1);
    return Long.toString(Math.round(Math.round(count / unit) * unit));
  }
}
