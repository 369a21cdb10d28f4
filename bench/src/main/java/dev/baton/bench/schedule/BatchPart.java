package dev.baton.bench.schedule;

import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Spread;
import dev.baton.bench.report.WrongResult;
import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeSession;
import dev.baton.decode.SamplingParams;
import dev.baton.kv.KvPool;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Many sessions decode in one batch: a step, and what it takes beside products and attention. */
final class BatchPart {
  static final String NAME = "batch";

  private static final int PROMPT_TOKENS = 16;
  private static final int WARM_STEPS = 4;
  private static final double GREEDY_BAR = 10;
  private static final double SAMPLED_BAR = 15;
  private static final SamplingParams SAMPLED =
      new SamplingParams(0.8f, 40, 0.95f, 0f, 1f, 64, 0f, 0f, 1);

  private final TimedModel timed;
  private final ScheduleSetup setup;
  private final Progress progress;
  private final int maxTokens;
  private final int steps;

  BatchPart(TimedModel timed, ScheduleSetup setup, Progress progress) {
    this.timed = timed;
    this.setup = setup;
    this.progress = progress;
    // The first session decodes while the last ones are still in prefill.
    int before = WARM_STEPS + setup.sessions();
    int room = timed.model().shape().context() - PROMPT_TOKENS;
    this.maxTokens = Math.min(room, before + setup.steps() + 1);
    this.steps = Math.max(1, maxTokens - before - 1);
  }

  /** Of single steps. */
  private record Steps(List<Double> ms, List<Double> kernelMs) {
    Steps() {
      this(new ArrayList<>(), new ArrayList<>());
    }

    double beyondPercent() {
      double all = ms.stream().mapToDouble(Double::doubleValue).sum();
      return 100 * (1 - kernelMs.stream().mapToDouble(Double::doubleValue).sum() / all);
    }
  }

  /** Counts sessions that have their first token. Compute thread alone. */
  private static final class Starts {
    private int count;
  }

  /** Of the other sessions, of which only that they decode matters. */
  private static final class Rower extends Answer {
    private final Starts starts;
    private boolean started;

    Rower(Starts starts) {
      this.starts = starts;
    }

    @Override
    public void onToken(int token) {
      if (!started) {
        started = true;
        starts.count++;
      }
    }
  }

  /** Keeps the compute thread until all others are submitted, so that they begin together. */
  private static final class Gate extends Answer {
    private final CountDownLatch submitted = new CountDownLatch(1);

    @Override
    public void onToken(int token) {
      try {
        submitted.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** Of the session whose tokens mark the steps. */
  private final class Marker extends Answer {
    private final Starts starts;
    private final Steps measured = new Steps();
    private final CountDownLatch done = new CountDownLatch(1);
    private int ready;
    private long lastNs;
    private long lastKernelNs;

    Marker(Starts starts) {
      this.starts = starts;
    }

    @Override
    public void onToken(int token) {
      if (starts.count < setup.sessions() - 1) {
        return;
      }
      long nowNs = System.nanoTime();
      long kernelNs = timed.kernels().productNs() + timed.kernels().attentionNs();
      if (ready++ >= WARM_STEPS && measured.ms().size() < steps) {
        measured.ms().add((nowNs - lastNs) / 1e6);
        measured.kernelMs().add((kernelNs - lastKernelNs) / 1e6);
      }
      lastNs = nowNs;
      lastKernelNs = kernelNs;
      if (measured.ms().size() == steps) {
        done.countDown();
      }
    }

    @Override
    public void onEnd(DecodeOutcome ended) {
      done.countDown();
      super.onEnd(ended);
    }
  }

  PartReport measure() throws InterruptedException {
    List<Steps> greedy = new ArrayList<>();
    List<Steps> sampled = new ArrayList<>();
    for (int i = 0; i < setup.rounds(); i++) {
      progress.show("batch, round " + (i + 1) + " of " + setup.rounds());
      greedy.add(run(SamplingParams.greedy()));
      sampled.add(run(SAMPLED));
    }
    List<Figure> figures = new ArrayList<>();
    figures.addAll(figures("greedy", greedy, GREEDY_BAR));
    figures.addAll(figures("sampled", sampled, SAMPLED_BAR));
    return PartReport.measured(
        NAME,
        figures,
        List.of(
            setup.sessions()
                + " sessions, "
                + steps
                + " steps a round, each from token to token of"
                + " the first session; sampled: temperature 0.8, top-k 40, top-p 0.95"));
  }

  private static List<Figure> figures(String kind, List<Steps> runs, double bar) {
    return List.of(
        Figure.of(
            kind + ": a step",
            Spread.of(runs.stream().map(run -> Spread.of(run.ms()).median()).toList()),
            "ms"),
        Figure.atMost(
            bar,
            kind + ": beyond products and attention",
            Spread.of(runs.stream().map(Steps::beyondPercent).toList()),
            "%"));
  }

  private Steps run(SamplingParams sampling) throws InterruptedException {
    int blocks = (setup.sessions() + 1) * (KvPool.blocksFor(PROMPT_TOKENS + maxTokens) + 1);
    try (KvPool pool = timed.model().cache(blocks);
        DecodeQueue queue =
            new DecodeQueue(
                timed.model(),
                pool,
                setup.sessions() + 1,
                setup.chunkTokens(),
                ScheduleSetup.NO_BOUND_NS,
                System::nanoTime)) {
      Starts starts = new Starts();
      Marker marker = new Marker(starts);
      List<Answer> answers = new ArrayList<>(List.of(marker));
      for (int i = 1; i < setup.sessions(); i++) {
        answers.add(new Rower(starts));
      }
      List<DecodeSession> sessions = submit(queue, answers, sampling);
      if (!marker.done.await(10, TimeUnit.MINUTES)) {
        throw new WrongResult("the batch did not decode in ten minutes");
      }
      sessions.forEach(DecodeSession::cancel);
      for (Answer answer : answers) {
        var _ = answer.await();
      }
      if (marker.measured.ms().size() < steps) {
        throw new WrongResult("the context ended before all sessions had decoded together");
      }
      return marker.measured;
    }
  }

  private List<DecodeSession> submit(
      DecodeQueue queue, List<Answer> answers, SamplingParams sampling) {
    int vocab = timed.model().shape().vocab();
    SplittableRandom random = new SplittableRandom(setup.sessions());
    Gate gate = new Gate();
    DecodeSession _ = gate.submit(queue, new int[] {0}, 1, SamplingParams.greedy());
    List<DecodeSession> sessions = new ArrayList<>();
    try {
      for (Answer answer : answers) {
        int[] prompt = Answer.prompt(PROMPT_TOKENS, vocab, random);
        sessions.add(answer.submit(queue, prompt, maxTokens, sampling));
      }
    } finally {
      gate.submitted.countDown();
    }
    return sessions;
  }
}
