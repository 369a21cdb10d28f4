package dev.baton.bench.split;

import dev.baton.bench.report.WrongResult;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Runs requests of every shape in every way: in each round of a shape each candidate and the
 * planner's choice once, in a random order, so that what disturbs the machine disturbs all alike.
 */
final class RegretGrid {
  private static final int BOUNDARIES = 5;

  /**
   * Each candidate is measured for so long, if need be by more rounds: a disturbance is a large
   * part of a short request, and to run that again costs little.
   */
  private static final double LEAST_MS = 2000;

  private static final int MOST_TIMES = 12;

  private final UnlikePair pair;
  private final int rounds;
  private final long seed;
  private final SplittableRandom random;
  private final List<String> candidates;

  /**
   * @param rounds how often each candidate runs; up to {@value #MOST_TIMES} times as often where
   *     that takes it less than two seconds
   * @param seed of the prompts and the order
   */
  RegretGrid(UnlikePair pair, int rounds, long seed) {
    this.pair = pair;
    this.rounds = rounds;
    this.seed = seed;
    this.random = new SplittableRandom(seed);
    this.candidates = candidates(pair.facts().layers());
  }

  /** All here, boundaries spread over the model, all there. */
  static List<String> candidates(int layers) {
    List<String> splits = new ArrayList<>(List.of(ShapeRegret.LOCAL));
    for (int i = 1; i <= BOUNDARIES; i++) {
      int boundary = Math.round((float) i * layers / (BOUNDARIES + 1));
      String split = Integer.toString(boundary);
      if (boundary > 0 && boundary < layers && !splits.contains(split)) {
        splits.add(split);
      }
    }
    splits.add(ShapeRegret.REMOTE);
    return splits;
  }

  /** Whether a shape fits the model's context. */
  boolean fits(int promptTokens, int outputTokens) {
    return promptTokens + outputTokens <= pair.facts().contextTokens();
  }

  /**
   * Measures one shape.
   *
   * @throws WrongResult when an answer differs from another
   */
  ShapeRegret measure(int promptTokens, int outputTokens) throws InterruptedException {
    List<SplitRun> baton = new ArrayList<>();
    Map<String, List<SplitRun>> runs = new LinkedHashMap<>();
    candidates.forEach(split -> runs.put(split, new ArrayList<>()));
    List<Integer> expected = List.of();
    double spentMs = 0;
    for (int round = 0; isWanted(round, spentMs); round++) {
      List<String> order = new ArrayList<>(candidates);
      order.add(ShapeRegret.AUTO);
      Collections.shuffle(order, random);
      for (String split : order) {
        SplitRun run = pair.run(new SplitRequest(promptTokens, outputTokens, split, seed));
        expected = expected.isEmpty() ? run.tokens() : expected;
        requireSame(expected, run.tokens(), split);
        runs.getOrDefault(split, baton).add(run.withoutTokens());
        spentMs += run.e2eMs();
      }
    }
    return new ShapeRegret(promptTokens, outputTokens, baton, runs);
  }

  private boolean isWanted(int round, double spentMs) {
    boolean shortly = spentMs < LEAST_MS * (candidates.size() + 1);
    return round < (shortly ? MOST_TIMES * rounds : rounds);
  }

  /** Answers to one prompt, from wherever it was cut. */
  static void requireSame(List<Integer> expected, List<Integer> tokens, String split) {
    if (!tokens.equals(expected)) {
      throw new WrongResult(
          "the answer with split "
              + split
              + " differs from the others: "
              + tokens
              + " and "
              + expected);
    }
  }
}
