package dev.baton.sim;

import dev.baton.plan.ClusterNode;
import dev.baton.plan.SpeedProfile;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.DoubleConsumer;

/**
 * One node in simulated time. It does one thing at a time, a prefill's chunk or a decode step of
 * all its running sequences, and does not pause while there is something to do. Prefills go in the
 * order they became ready; between two chunks there is one decode step. One thread.
 */
final class SimulatedNode {
  /**
   * A prompt's chunks.
   *
   * @param seconds each is predicted to take
   * @param factor by which they really take longer
   * @param started told when the first begins
   * @param ended told when the last is done
   */
  record Prefill(double[] seconds, double factor, DoubleConsumer started, DoubleConsumer ended) {
    double predictedSeconds() {
      double sum = 0;
      for (double chunk : seconds) {
        sum += chunk;
      }
      return sum;
    }
  }

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
  private final Deque<Prefill> ready = new ArrayDeque<>();
  private int nextChunk;
  private final List<Answer> joining = new ArrayList<>();
  private final PriorityQueue<Running> running =
      new PriorityQueue<>(Comparator.comparingLong(Running::lastStep));
  private long stepsDone;
  private long contextTokens;
  private double factors; // of all running answers
  private double plannedSeconds; // of chunks that did not begin
  private double predictedEnd; // of what goes on
  private boolean busy;
  private boolean wasChunk;
  private double prefillSeconds;
  private double decodeSeconds;

  SimulatedNode(ClusterNode node, EventQueue events, SimulatedPrefixIndex prefixes) {
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
  void expect(Prefill prefill) {
    plannedSeconds += prefill.predictedSeconds();
  }

  /** Lets an expected prefill begin as soon as its turn comes. */
  void prefill(Prefill prefill, double now) {
    ready.add(prefill);
    goOn(now);
  }

  /** Lets an answer take part in the decode steps from the next one on. */
  void decode(Answer answer, double now) {
    joining.add(answer);
    goOn(now);
  }

  private void goOn(double now) {
    if (busy) {
      return;
    }
    boolean steps = sequences() > 0;
    if (!ready.isEmpty() && !(wasChunk && steps)) {
      computeChunk(now);
    } else if (steps) {
      step(now);
    }
  }

  private void computeChunk(double now) {
    Prefill prefill = ready.getFirst();
    if (nextChunk == 0) {
      prefill.started.accept(now);
    }
    double predicted = prefill.seconds[nextChunk++];
    double seconds = predicted * prefill.factor;
    plannedSeconds -= predicted;
    prefillSeconds += seconds;
    wasChunk = true;
    work(
        now,
        predicted,
        seconds,
        end -> {
          if (nextChunk == prefill.seconds.length) {
            ready.removeFirst();
            nextChunk = 0;
            prefill.ended.accept(end);
          }
        });
  }

  private void step(double now) {
    for (Answer answer : joining) {
      running.add(new Running(answer, stepsDone + answer.steps));
      contextTokens += answer.promptTokens + 1;
      factors += answer.factor;
    }
    joining.clear();
    int batch = running.size();
    double predicted =
        node.correction().decode() * node.speed().decodeStepSeconds(batch, contextTokens);
    double seconds = predicted * factors / batch;
    decodeSeconds += seconds;
    wasChunk = false;
    work(now, predicted, seconds, this::endStep);
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
          busy = false;
          done.accept(end);
          goOn(end);
        });
  }
}
