package dev.baton.sim;

import java.util.List;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/**
 * What a policy made of a trace.
 *
 * @param policy that decided
 * @param served every request, in the order of their arrival
 * @param nodes in the order of the cluster's
 * @param seconds of simulated time from the first request's arrival to the last token
 */
public record SimulationResult(
    Policy policy, List<Served> served, List<NodeUse> nodes, double seconds) {
  /**
   * What a node did.
   *
   * @param name of it
   * @param prefillSeconds it computed prompts
   * @param decodeSeconds it computed decode steps
   * @param joules it drew for both
   */
  public record NodeUse(String name, double prefillSeconds, double decodeSeconds, double joules) {
    /** Seconds it was not idle. */
    public double busySeconds() {
      return prefillSeconds + decodeSeconds;
    }
  }

  public SimulationResult {
    served = List.copyOf(served);
    nodes = List.copyOf(nodes);
    if (served.isEmpty() || !(seconds >= 0)) {
      throw new IllegalArgumentException("a simulation serves at least one request");
    }
  }

  /** Requests a second whose first token and whose time from token to token are within limits. */
  public double goodput(double ttftLimitSeconds, double tpotLimitSeconds) {
    return seconds == 0 ? 0 : within(ttftLimitSeconds, tpotLimitSeconds) / seconds;
  }

  /** Requests within both limits. */
  public long within(double ttftLimitSeconds, double tpotLimitSeconds) {
    return served.stream()
        .filter(
            one -> one.ttftSeconds() <= ttftLimitSeconds && one.tpotSeconds() <= tpotLimitSeconds)
        .count();
  }

  /** The time until the first token that a share of all requests does not exceed. */
  public double ttftSeconds(double share) {
    return quantile(ttfts(), share);
  }

  /** All times until the first token, ascending. */
  public double[] ttfts() {
    return sorted(_ -> true, Served::ttftSeconds);
  }

  /** The same of the time from token to token, of answers with more than one; 0 without any. */
  public double tpotSeconds(double share) {
    return quantile(sorted(one -> one.outputTokens() > 1, Served::tpotSeconds), share);
  }

  /** The mean time until the last token. */
  public double meanE2eSeconds() {
    return served.stream().mapToDouble(Served::e2eSeconds).average().orElseThrow();
  }

  /** Joules that a request took on average. */
  public double joulesPerRequest() {
    return nodes.stream().mapToDouble(NodeUse::joules).sum() / served.size();
  }

  /** The share of a node's time that it was not idle. */
  public double utilisation(NodeUse node) {
    return seconds == 0 ? 0 : node.busySeconds() / seconds;
  }

  /** Requests that were spread so. */
  public long count(Served.Where where) {
    return served.stream().filter(one -> one.where() == where).count();
  }

  /** The share of all prompt tokens that were not computed again. */
  public double reuse() {
    double cached = served.stream().mapToLong(Served::cachedTokens).sum();
    return cached / served.stream().mapToLong(Served::promptTokens).sum();
  }

  private double[] sorted(Predicate<Served> which, ToDoubleFunction<Served> value) {
    return served.stream().filter(which).mapToDouble(value).sorted().toArray();
  }

  /** The nearest rank. */
  private static double quantile(double[] ascending, double share) {
    if (ascending.length == 0) {
      return 0;
    }
    int rank = (int) Math.ceil(share * ascending.length);
    return ascending[Math.clamp(rank, 1, ascending.length) - 1];
  }
}
