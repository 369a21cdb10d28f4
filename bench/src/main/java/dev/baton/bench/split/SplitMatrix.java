package dev.baton.bench.split;

import dev.baton.bench.energy.EnergyMeter;
import dev.baton.bench.report.Progress;
import dev.baton.bench.result.SplitResult;
import dev.baton.bench.result.SplitRow;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;

/**
 * Runs requests of every shape in every way over one link: one of each kind to warm up, then rounds
 * of all of them, each round in a random order, so that what disturbs the machine disturbs all
 * alike. All answers to a prompt have to be the same tokens, where both nodes promise the same
 * bits.
 */
final class SplitMatrix {
  private static final int WARM_UP_TOKENS = 4;

  /**
   * What to run.
   *
   * @param prompts lengths
   * @param outputs lengths
   * @param splits as they were asked for
   * @param rounds measured
   * @param seed of the prompts and the order
   */
  record Wanted(
      List<Integer> prompts, List<Integer> outputs, List<String> splits, int rounds, long seed) {
    /** Requests over one link, the warm-up included. */
    int requests() {
      return prompts.size() * splits.size() * (1 + outputs.size() * rounds);
    }
  }

  private final Wanted wanted;
  private final boolean exact;
  private final SplitRuns runs;
  private final EnergyMeter energy;
  private final Progress progress;
  private final int links;
  private final Map<Integer, List<Integer>> answers = new HashMap<>();
  private int done;

  /**
   * @param exact whether all answers to a prompt have to be the same tokens
   * @param runs where to put what was run
   * @param links how many there are, for the progress
   */
  SplitMatrix(
      Wanted wanted,
      boolean exact,
      SplitRuns runs,
      EnergyMeter energy,
      Progress progress,
      int links) {
    this.wanted = wanted;
    this.exact = exact;
    this.runs = runs;
    this.energy = energy;
    this.progress = progress;
    this.links = links;
  }

  /**
   * Measures over one link.
   *
   * @throws dev.baton.bench.report.WrongResult when an answer differs from another
   */
  void measure(UnlikePair pair, String link) throws InterruptedException {
    List<SplitRow.Key> keys = keys(link);
    keys.forEach(runs::expect);
    SplittableRandom random = new SplittableRandom(wanted.seed());
    int least = Math.min(WARM_UP_TOKENS, Collections.max(wanted.outputs()));
    for (int prompt : wanted.prompts()) {
      for (String split : wanted.splits()) {
        show(link + ": warming up");
        pair.run(new SplitRequest(prompt, least, split, wanted.seed()));
      }
    }
    for (int round = 1; round <= wanted.rounds(); round++) {
      List<SplitRow.Key> order = new ArrayList<>(keys);
      Collections.shuffle(order, random);
      for (SplitRow.Key key : order) {
        show(key.title() + ", round " + round + " of " + wanted.rounds());
        run(pair, key);
      }
    }
    timed(pair, link);
  }

  private void run(UnlikePair pair, SplitRow.Key key) throws InterruptedException {
    energy.start();
    SplitRun run = pair.run(request(key, false));
    OptionalDouble joules = energy.stop(run.e2eMs() / 1e3);
    if (exact) {
      compare(key, run.tokens());
    }
    runs.add(key, run.withoutTokens(), joules);
  }

  private void compare(SplitRow.Key key, List<Integer> tokens) {
    // A longer answer begins with a shorter one of the same prompt.
    List<Integer> known = answers.getOrDefault(key.promptTokens(), List.of());
    int both = Math.min(known.size(), tokens.size());
    RegretGrid.requireSame(known.subList(0, both), tokens.subList(0, both), key.title());
    if (tokens.size() > known.size()) {
      answers.put(key.promptTokens(), tokens);
    }
  }

  /**
   * Runs the longest request again, split in the way that was fastest of those that were split, and
   * has it tell what happened when.
   */
  private void timed(UnlikePair pair, String link) throws InterruptedException {
    int longest = Collections.max(wanted.prompts());
    Optional<SplitRow> best =
        runs.rows().stream()
            .filter(row -> row.key().link().equals(link) && row.boundaryLayer() > 0)
            .filter(row -> row.key().promptTokens() == longest)
            .filter(row -> !row.key().split().equals(SplitRow.AUTO))
            .min(
                Comparator.<SplitRow>comparingInt(row -> -row.key().outputTokens())
                    .thenComparingDouble(row -> row.ttft().median()));
    if (best.isPresent()) {
      SplitRow.Key key = best.get().key();
      progress.show(key.title() + ", with its timeline");
      SplitRun run = pair.run(request(key, true));
      runs.add(new SplitResult.Request(key, Objects.requireNonNull(run.course().timeline())));
    }
  }

  private SplitRequest request(SplitRow.Key key, boolean timed) {
    return new SplitRequest(
        key.promptTokens(), key.outputTokens(), key.split(), wanted.seed(), timed);
  }

  private List<SplitRow.Key> keys(String link) {
    List<SplitRow.Key> keys = new ArrayList<>();
    for (int output : wanted.outputs()) {
      for (int prompt : wanted.prompts()) {
        for (String split : wanted.splits()) {
          keys.add(new SplitRow.Key(link, prompt, output, split));
        }
      }
    }
    return keys;
  }

  private void show(String what) {
    double share = (double) done++ / (links * wanted.requests());
    progress.show(String.format(Locale.ROOT, "%s (%.0f %%)", what, 100 * share));
  }
}
