package dev.baton.bench.schedule;

import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Spread;
import dev.baton.bench.report.WrongResult;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeSession;
import dev.baton.decode.SamplingParams;
import dev.baton.kv.KvPool;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** More sessions than there are KV blocks for: those that give way are computed again. */
final class PreemptionPart {
  static final String NAME = "preemption";

  private static final int SESSIONS = 16;
  private static final int PROMPT_TOKENS = 60;
  private static final int OUTPUT_TOKENS = 140;
  private static final double ROOM = 0.4; // of the blocks that all of them take

  private final TimedModel timed;
  private final ScheduleSetup setup;
  private final Progress progress;

  PreemptionPart(TimedModel timed, ScheduleSetup setup, Progress progress) {
    this.timed = timed;
    this.setup = setup;
    this.progress = progress;
  }

  /**
   * One run.
   *
   * @param twicePercent tokens computed more often than once, of those that had to be
   */
  private record Run(double rate, double preemptions, double twicePercent) {}

  PartReport measure() throws InterruptedException {
    int each = KvPool.blocksFor(PROMPT_TOKENS + OUTPUT_TOKENS);
    int few = Math.max(each, (int) (ROOM * SESSIONS * each));
    List<Run> narrow = new ArrayList<>();
    List<Run> wide = new ArrayList<>();
    for (int i = 0; i < setup.rounds(); i++) {
      progress.show("preemption, round " + (i + 1) + " of " + setup.rounds());
      narrow.add(run(few));
      wide.add(run(SESSIONS * (each + 1)));
    }
    return PartReport.measured(
        NAME,
        List.of(
            Figure.of("sessions", Spread.of(narrow.stream().map(Run::rate).toList()), "/s"),
            Figure.of("preemptions", Spread.of(narrow.stream().map(Run::preemptions).toList()), ""),
            Figure.of(
                "tokens computed twice",
                Spread.of(narrow.stream().map(Run::twicePercent).toList()),
                "%"),
            Figure.of(
                "sessions, blocks for all",
                Spread.of(wide.stream().map(Run::rate).toList()),
                "/s")),
        List.of(
            SESSIONS
                + " sessions of "
                + PROMPT_TOKENS
                + " + "
                + OUTPUT_TOKENS
                + " tokens, "
                + few
                + " blocks where all of them take "
                + SESSIONS * each));
  }

  private Run run(int blocks) throws InterruptedException {
    int vocab = timed.model().shape().vocab();
    SplittableRandom random = new SplittableRandom(SESSIONS);
    long rowsBefore = timed.kernels().storedRows();
    double seconds;
    long preemptions;
    try (KvPool pool = timed.model().cache(blocks);
        DecodeQueue queue =
            new DecodeQueue(
                timed.model(),
                pool,
                SESSIONS,
                setup.chunkTokens(),
                setup.maxStallNs(),
                System::nanoTime)) {
      long startNs = System.nanoTime();
      List<Answer> answers = new ArrayList<>();
      for (int i = 0; i < SESSIONS; i++) {
        Answer answer = new Answer();
        answers.add(answer);
        DecodeSession _ =
            answer.submit(
                queue,
                Answer.prompt(PROMPT_TOKENS, vocab, random),
                OUTPUT_TOKENS,
                SamplingParams.greedy());
      }
      for (Answer answer : answers) {
        if (answer.await().tokens().outputTokens() != OUTPUT_TOKENS) {
          throw new WrongResult("an answer is not as long as was asked for");
        }
      }
      seconds = (System.nanoTime() - startNs) / 1e9;
      preemptions = queue.preemptions();
    }
    double rows =
        (double) (timed.kernels().storedRows() - rowsBefore) / timed.model().shape().layers();
    double needed = (double) SESSIONS * (PROMPT_TOKENS + OUTPUT_TOKENS - 1);
    return new Run(SESSIONS / seconds, preemptions, Math.max(0, 100 * (rows / needed - 1)));
  }
}
