package dev.baton.calibrate;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.RemotePrefill;
import dev.baton.kvstream.TransferReport;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** One request, run as often as it takes, and what its runs took; seconds. */
final class Probe {
  /**
   * Tokens of a remote prompt's answer: one with a single token is over before the prefill node has
   * told when it was done.
   */
  static final int REMOTE_OUTPUT = 2;

  private final Trial trial;
  private final int promptTokens;
  private final int outputTokens;
  private final int batch;
  private final @Nullable RemotePrefill remote;
  private final @Nullable Probe beside;
  private final Samples compute = new Samples();
  private final Samples output = new Samples();
  private final Samples step = new Samples();
  private final Samples stepOverBeside = new Samples();
  private final Samples order = new Samples();
  private final Samples tail = new Samples();
  private final Samples bytesPerSecond = new Samples();
  private double tookSeconds;
  private double besideSeconds = Double.MAX_VALUE;
  private double limitSeconds = Trial.NO_LIMIT;

  /**
   * @param batch so many of them at once
   * @param beside one of decode steps, run right behind each run of this one: a machine that is
   *     disturbed for a while is so for both, and their ratio stays
   */
  Probe(
      Trial trial,
      int promptTokens,
      int outputTokens,
      int batch,
      @Nullable RemotePrefill remote,
      @Nullable Probe beside) {
    this.trial = trial;
    this.promptTokens = promptTokens;
    this.outputTokens = remote == null ? outputTokens : REMOTE_OUTPUT;
    this.batch = batch;
    this.remote = remote;
    this.beside = beside;
  }

  /** A run that takes longer fails. */
  Probe within(double seconds) {
    limitSeconds = seconds;
    return this;
  }

  void run() throws InterruptedException {
    long beganNs = System.nanoTime();
    List<DecodeOutcome> outcomes =
        trial.run(batch, promptTokens, outputTokens, remote, limitSeconds);
    if (isOfSteps()) {
      double longest =
          outcomes.stream().mapToDouble(outcome -> outcome.times().decodeNs()).max().orElseThrow();
      step.add(longest / 1e9 / (outputTokens - 1));
    }
    if (beside != null) {
      beside.run();
      stepOverBeside.add(step.last() / beside.step.last());
    }
    tookSeconds = (System.nanoTime() - beganNs) / 1e9;
    DecodeOutcome outcome = outcomes.getFirst();
    if (remote == null) {
      compute.add(outcome.times().prefillNs() / 1e9);
      output.add((outcome.times().ttftNs() - outcome.times().prefillNs()) / 1e9);
      return;
    }
    addTransfer(outcomes);
  }

  private void addTransfer(List<DecodeOutcome> outcomes) {
    TransferReport transfer = Objects.requireNonNull(outcomes.getFirst().transfer());
    compute.add((transfer.computeEndNs() - transfer.computeStartNs()) / 1e9);
    besideSeconds = Math.min(besideSeconds, tookSeconds - compute.last());
    order.add((transfer.computeStartNs() - transfer.orderedNs()) / 1e9);
    tail.add((transfer.lastByteNs() - transfer.computeEndNs()) / 1e9);
    long first = Long.MAX_VALUE;
    long last = Long.MIN_VALUE;
    long bytes = 0;
    for (DecodeOutcome outcome : outcomes) {
      TransferReport one = Objects.requireNonNull(outcome.transfer());
      first = Math.min(first, one.firstByteNs());
      last = Math.max(last, one.lastByteNs());
      bytes += one.kvBytes() + one.hiddenBytes();
    }
    bytesPerSecond.add(bytes / (Math.max(1, last - first) / 1e9));
  }

  private boolean isOfSteps() {
    return remote == null && outputTokens > 1;
  }

  /** True when one more run would say nothing new. */
  boolean isSettled() {
    if (remote != null && batch > 1) {
      return bytesPerSecond.isSettled();
    }
    Samples steps = beside == null ? step : stepOverBeside;
    return (batch > 1 || compute.isSettled()) && (!isOfSteps() || steps.isSettled());
  }

  int promptTokens() {
    return promptTokens;
  }

  int outputTokens() {
    return outputTokens;
  }

  /** What the last run took altogether. */
  double tookSeconds() {
    return tookSeconds;
  }

  /** The least that a run took beside the node's computing: what is left is above all the link. */
  double besideSeconds() {
    return besideSeconds;
  }

  /** Computing the prompt. */
  Samples compute() {
    return compute;
  }

  /** From the prompt's end until the first token. */
  Samples output() {
    return output;
  }

  /** A decode step. */
  Samples step() {
    return step;
  }

  /** A decode step, as usual: by its ratio where there is one to another. */
  double stepSeconds() {
    return beside == null ? step.median() : stepOverBeside.median() * beside.step.median();
  }

  /** How far off {@link #stepSeconds} is likely to be, as a share of it. */
  double stepError() {
    return beside == null ? step.error() : Math.hypot(stepOverBeside.error(), beside.step.error());
  }

  /** From an order until the prefill node computes. */
  Samples order() {
    return order;
  }

  /** From the end of the prefill node's computing until the last byte is here. */
  Samples tail() {
    return tail;
  }

  /** Bytes a second, of all requests of the batch together. */
  Samples bytesPerSecond() {
    return bytesPerSecond;
  }
}
