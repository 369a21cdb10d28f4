package dev.baton.sim;

import dev.baton.plan.ClusterNode;
import dev.baton.plan.SpeedProfile;
import dev.baton.schedule.StepBudget;
import dev.baton.schedule.StepPolicy;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.DoubleConsumer;

/**
 * One node in simulated time. It runs one step after the other as a {@link
 * dev.baton.schedule.Scheduler} does, by the same {@link StepPolicy}: a row of each answer, and
 * chunks of the prompts whose turn it is, within the stall bound. One thread.
 */
final class SimulatedNode {
  /**
   * An answer that is being written.
   *
   * @param promptTokens before it
   * @param steps until it ends
   * @param factor by which these take longer than predicted
   * @param ended told when it ends
   */
  record Answer(int promptTokens, int steps, double factor, DoubleConsumer ended) {}

  private record Running(Answer answer, long lastStep) {}

  private final ClusterNode node;
  private final EventQueue events;
  private final SimulatedPrefixIndex prefixes;
  private final int layers;
  private final StepPolicy policy;
  private final List<SimulatedPrefill> ready = new ArrayList<>();
  private final List<Answer> joining = new ArrayList<>();
  private final PriorityQueue<Running> running =
      new PriorityQueue<>(Comparator.comparingLong(Running::lastStep));
  private long stepsDone;
  private long contextTokens;
  private double factors; // of all running answers
  private double plannedSeconds; // of chunks that did not begin
  private double predictedEnd; // of what goes on
  private boolean busy;
  private double prefillSeconds;
  private double decodeSeconds;

  /**
   * @param layers of the model
   * @param chunkTokens prompt tokens that a step has at most
   */
  SimulatedNode(
      ClusterNode node,
      EventQueue events,
      SimulatedPrefixIndex prefixes,
      int layers,
      int chunkTokens) {
    this.layers = layers;
    this.policy = new StepPolicy(new StepBudget(chunkTokens, 0));
    this.node = node;
    this.events = events;
    this.prefixes = prefixes;
  }

  /** What the node was given as. */
  ClusterNode node() {
    return node;
  }

  /** The prompts it remembers. */
  SimulatedPrefixIndex prefixes() {
    return prefixes;
  }

  /** Answers that are being written or about to be. */
  int sequences() {
    return running.size() + joining.size();
  }

  /** Seconds that went into prefills. */
  double prefillSeconds() {
    return prefillSeconds;
  }

  /** Seconds that went into decode steps. */
  double decodeSeconds() {
    return decodeSeconds;
  }

  /**
   * The node as the planner sees it: its queue is what it is predicted to have to prefill before,
   * its decode steps are those with one more sequence in the batch.
   */
  ClusterNode seen(double now, boolean decodes) {
    double going = busy ? Math.max(0, predictedEnd - now) : 0;
    SpeedProfile speed = node.speed();
    int batch = sequences();
    double alone = speed.decodeStepSeconds(1, 1);
    double shared = speed.decodeStepSeconds(1 + batch, 1 + contextTokens);
    return new ClusterNode(
        node.name(),
        speed,
        node.prefills(),
        decodes,
        node.queueSeconds() + Math.max(0, plannedSeconds) + going,
        batch == 0 || alone == 0
            ? node.correction()
            : node.correction().withSlowerDecode(shared / alone),
        node.prefillWatts(),
        node.decodeWatts(),
        node.usdPerHour());
  }

  /** Says that a prefill will come; it counts as standing in the queue. */
  void expect(SimulatedPrefill prefill) {
    plannedSeconds += prefill.predictedSeconds();
  }

  /** Lets an expected prefill begin as soon as its turn comes. */
  void prefill(SimulatedPrefill prefill, double now) {
    ready.add(prefill);
    goOn(now);
  }

  /** Lets an answer take part in the decode steps from the next one on. */
  void decode(Answer answer, double now) {
    joining.add(answer);
    goOn(now);
  }

  private void goOn(double now) {
    if (busy || (ready.isEmpty() && sequences() == 0)) {
      return;
    }
    join();
    policy.begin();
    for (int i = 0; i < running.size(); i++) {
      policy.row(0); // steps follow each other without a pause
    }
    ready.forEach(policy::offer);
    policy.allot();
    run(now);
  }

  private void join() {
    for (Answer answer : joining) {
      running.add(new Running(answer, stepsDone + answer.steps));
      contextTokens += answer.promptTokens + 1;
      factors += answer.factor;
    }
    joining.clear();
  }

  private void run(double now) {
    int rows = running.size();
    double predicted =
        rows == 0
            ? 0
            : node.correction().decode() * node.speed().decodeStepSeconds(rows, contextTokens);
    double rowSeconds = rows == 0 ? 0 : predicted * factors / rows;
    decodeSeconds += rowSeconds;
    double batchSeconds = rowSeconds;
    double seconds = rowSeconds;
    int tokens = 0;
    long depths = 0;
    for (SimulatedPrefill prefill : List.copyOf(ready)) {
      if (prefill.granted() > 0) {
        prefill.begin(now);
        double part = prefill.grantedSeconds(node);
        double really = part * prefill.factor();
        plannedSeconds -= prefill.plannedSeconds();
        predicted += part;
        seconds += really;
        prefillSeconds += really;
        if (prefill.isInBatch()) {
          batchSeconds += really;
          tokens += prefill.granted();
          depths += (long) prefill.granted() * (prefill.depth() + prefill.granted() / 2);
        } else {
          policy.budget().ranShare(prefill.granted(), prefill.depth(), prefill.share(), ns(really));
        }
      }
    }
    double shared = rows == 0 || tokens == 0 ? 0 : weightSeconds();
    predicted -= shared;
    seconds -= shared;
    prefillSeconds -= shared;
    batchSeconds -= shared;
    if (rows + tokens > 0) {
      policy
          .budget()
          .ran(rows, tokens, tokens == 0 ? 0 : (int) (depths / tokens), ns(batchSeconds));
    }
    work(now, predicted, seconds, end -> endOfStep(rows > 0, end));
  }

  /** Reading the weights, which a chunk and the decode rows in one batch do once for both. */
  private double weightSeconds() {
    double ofStep = node.correction().decode() * node.speed().decodeStepSeconds(0, 0);
    return Math.min(ofStep, layers * node.chunkLayerSeconds(1, 0));
  }

  private static long ns(double seconds) {
    return Math.round(1e9 * seconds);
  }

  private void endOfStep(boolean hadRows, double now) {
    if (hadRows) {
      endStep(now);
    }
    for (SimulatedPrefill prefill : List.copyOf(ready)) {
      if (prefill.granted() > 0) {
        prefill.done(now);
      }
    }
    ready.removeIf(SimulatedPrefill::isThrough);
  }

  private void endStep(double now) {
    stepsDone++;
    contextTokens += running.size();
    for (Running first = running.peek();
        first != null && first.lastStep == stepsDone;
        first = running.peek()) {
      running.remove();
      Answer answer = first.answer;
      contextTokens -= answer.promptTokens + 1 + answer.steps;
      factors = running.isEmpty() ? 0 : factors - answer.factor;
      answer.ended.accept(now);
    }
  }

  private void work(double now, double predicted, double seconds, DoubleConsumer done) {
    busy = true;
    predictedEnd = now + predicted;
    events.at(
        now + seconds,
        end -> {
          done.accept(end);
          busy = false;
          goOn(end);
        });
  }
}
