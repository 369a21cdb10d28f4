package dev.baton.bench.schedule;

import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Spread;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeSession;
import dev.baton.decode.SamplingParams;
import dev.baton.node.NodeCompute;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** The first token of a tiny prompt right behind eight long ones, against alone. */
final class TinyPart {
  static final String NAME = "tiny";

  private static final int LONG_PROMPTS = 8;
  private static final int LONG_TOKENS = 900;
  private static final int TINY_TOKENS = 8;
  private static final int REPETITIONS = 4; // of each round
  private static final double TIMES_ALONE = 3;

  private final NodeCompute compute;
  private final ScheduleSetup setup;
  private final Progress progress;
  private final int longTokens;
  private final SplittableRandom random = new SplittableRandom(LONG_TOKENS);

  TinyPart(NodeCompute compute, ScheduleSetup setup, Progress progress) {
    this.compute = compute;
    this.setup = setup;
    this.progress = progress;
    this.longTokens = Math.min(LONG_TOKENS, compute.contextTokens() - 1);
  }

  PartReport measure() throws InterruptedException {
    List<Double> alone = new ArrayList<>();
    List<Double> behind = new ArrayList<>();
    try (DecodeQueue queue =
        new DecodeQueue(
            compute.model(),
            compute.pool(),
            LONG_PROMPTS + 2,
            setup.chunkTokens(),
            setup.maxStallNs(),
            System::nanoTime)) {
      double _ = tinyMs(queue); // to warm up
      double _ = behindMs(queue);
      for (int i = 0; i < REPETITIONS * setup.rounds(); i++) {
        progress.show("tiny, " + (i + 1) + " of " + REPETITIONS * setup.rounds());
        alone.add(tinyMs(queue));
        behind.add(behindMs(queue));
      }
    }
    Spread aloneMs = Spread.of(alone);
    double boundMs = setup.boundMs(0);
    List<String> notes = new ArrayList<>();
    notes.add(
        "bar: 3 x the median alone and one stall bound of "
            + Math.round(boundMs)
            + " ms; the"
            + " eight are cancelled when the tiny one has its token");
    if (longTokens < LONG_TOKENS) {
      notes.add(
          "prompts of " + LONG_TOKENS + " tokens do not fit the context: they have " + longTokens);
    }
    return PartReport.measured(
        NAME,
        List.of(
            Figure.of("first token alone", aloneMs, "ms"),
            Figure.atMost(
                TIMES_ALONE * aloneMs.median() + boundMs,
                "first token behind eight prompts of " + longTokens,
                Spread.of(behind),
                "ms"),
            Figure.atMost(
                TIMES_ALONE * aloneMs.median() + boundMs,
                "the worst of these",
                Spread.exactly(Spread.of(behind).high()),
                "ms")),
        notes);
  }

  private double behindMs(DecodeQueue queue) throws InterruptedException {
    List<Answer> answers = new ArrayList<>();
    List<DecodeSession> sessions = new ArrayList<>();
    for (int i = 0; i < LONG_PROMPTS; i++) {
      Answer answer = new Answer();
      answers.add(answer);
      sessions.add(answer.submit(queue, prompt(longTokens), 1, SamplingParams.greedy()));
    }
    double ms = tinyMs(queue);
    sessions.forEach(DecodeSession::cancel);
    for (Answer answer : answers) {
      var _ = answer.await();
    }
    return ms;
  }

  private double tinyMs(DecodeQueue queue) throws InterruptedException {
    Answer answer = new Answer();
    DecodeSession _ = answer.submit(queue, prompt(TINY_TOKENS), 1, SamplingParams.greedy());
    return answer.await().times().ttftNs() / 1e6;
  }

  private int[] prompt(int tokens) {
    return Answer.prompt(tokens, compute.model().shape().vocab(), random);
  }
}
