package dev.baton;

import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.plan.Cluster;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.HeldPrefix;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.Prediction;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SplitPlan;
import dev.baton.plan.SplitPlanner;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The two nodes as they stand when a request comes: what is queued at both, and what the prefill
 * node holds of the prompt. Any thread.
 */
final class LiveCluster {
  /** What a near node may take to answer while it computes. */
  private static final long LEAST_LIMIT_NS = TimeUnit.MILLISECONDS.toNanos(5);

  private static final int ROUND_TRIPS = 4;

  /** Waiting for an answer costs such a part of what the plan could win, at most. */
  private static final double PART_OF_WIN = 0.05;

  private final AutoSplit.Pair pair;
  private final PeerStandings standings = new PeerStandings(System::nanoTime);

  LiveCluster(AutoSplit.Pair pair) {
    this.pair = pair;
  }

  /**
   * The nodes of a plan.
   *
   * @param doubt why the prefill node may stand otherwise, or null
   * @param knowsHeld whether it said how much of the prompt it has; else it may have more
   */
  record Seen(Cluster cluster, @Nullable String doubt, boolean knowsHeld) {}

  /**
   * Looks at both, and waits for the prefill node's answer where that may change what is done.
   *
   * @param timesSlower than learnt that the prefill node is at present
   */
  Seen look(LearntPair known, RequestShape shape, AutoSplit.Ask ask, double timesSlower) {
    Cluster learnt = known.cluster(ask.promptTokens(), timesSlower);
    double queueSeconds = pair.loop().queuedTokens() * secondsPerToken(learnt.nodes().getFirst());
    PrefillPeer peer = pair.node().get();
    boolean keeps = ask.chain().length > 0;
    if (peer == null || ask.promptTokens() > peer.longestPrompt()) {
      return seen(learnt, queueSeconds, PeerStandings.Standing.NONE, !keeps);
    }
    long limitNs = limitNs(learnt, shape, ask, queueSeconds, peer);
    if (limitNs == 0) {
      return seen(learnt, queueSeconds, PeerStandings.Standing.NONE, !keeps);
    }
    PeerStandings.Standing standing = standings.ask(peer, peer::ask, query(ask), limitNs);
    return seen(learnt, queueSeconds, standing, !keeps || standing.doubt() == null);
  }

  private static Seen seen(
      Cluster learnt, double queueSeconds, PeerStandings.Standing there, boolean knowsHeld) {
    ClusterNode here = learnt.nodes().getFirst().with(queueSeconds, HeldPrefix.NONE);
    ClusterNode node = learnt.nodes().getLast().with(there.queueSeconds(), there.held());
    return new Seen(new Cluster(List.of(here, node), learnt.links()), there.doubt(), knowsHeld);
  }

  private double secondsPerToken(ClusterNode here) {
    int chunk = pair.largestChunkTokens();
    return pair.model().layers() * here.chunkLayerSeconds(chunk, 0) / chunk;
  }

  /** A request that leaves nothing behind finds nothing either, and asks for the queue alone. */
  private PrefixQuery query(AutoSplit.Ask ask) {
    int tokens = ask.chain().length == 0 ? 1 : ask.promptTokens();
    return new PrefixQuery(tokens, 0, pair.model().layers(), "", ask.chain());
  }

  /**
   * How long the answer is worth waiting for; 0 where none would change anything. Whoever asked for
   * a split themselves is told what it takes.
   */
  private long limitNs(
      Cluster learnt,
      RequestShape shape,
      AutoSplit.Ask ask,
      double queueSeconds,
      PrefillPeer peer) {
    long limitNs = Math.max(LEAST_LIMIT_NS, ROUND_TRIPS * peer.roundTripNs());
    return switch (ask.split()) {
      case Split.Local() -> 0;
      case Split.Remote(), Split.At(int _) -> limitNs;
      case Split.Auto() ->
          ask.newTokens() < SplitPlanner.LEAST_TOKENS
              ? 0
              : Math.min(
                  limitNs, (long) (PART_OF_WIN * 1e9 * win(learnt, shape, ask, queueSeconds)));
    };
  }

  /** Seconds that the prefill node could win if it had nothing to do and held all of the prompt. */
  private double win(Cluster learnt, RequestShape shape, AutoSplit.Ask ask, double queueSeconds) {
    int blocks = ask.chain().length / PrefixChain.HASH_BYTES;
    int tokens = Math.min(blocks * PrefixChain.BLOCK_TOKENS, ask.promptTokens() - 1);
    HeldPrefix all = HeldPrefix.whole(pair.model().layers(), tokens);
    Seen best = seen(learnt, queueSeconds, new PeerStandings.Standing(all, 0, null), true);
    PlanDecision decision =
        pair.planner().plan(pair.model(), shape, best.cluster(), pair.config().objective());
    double win = 0;
    for (SplitPlan plan : decision.alternatives()) {
      if (plan.isLocal()) {
        Prediction here = plan.prediction();
        for (SplitPlan other : decision.alternatives()) {
          Prediction there = other.prediction();
          win = Math.max(win, here.ttftSeconds() - there.ttftSeconds());
          win = Math.max(win, here.e2eSeconds() - there.e2eSeconds());
        }
      }
    }
    return win;
  }
}
