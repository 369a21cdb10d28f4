package dev.baton.kvstream.link;

import dev.baton.kvstream.Capability;
import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.NodeLimits;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.media.ControlTerm;
import dev.baton.kvstream.session.ReceiveSession;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A prefill node this node knows. Any thread may use it. */
public final class PrefillPeer implements PrefillTarget, AutoCloseable {
  private static final long CLOSE_LIMIT_NS = 250_000_000;

  private final StreamAgent agent;
  private final DecodeSideLink link;
  private final NodeIdentity self;
  private final NodeIdentity identity;
  private final StreamConfig config;
  private volatile @Nullable String markedLost;

  PrefillPeer(
      StreamAgent agent,
      DecodeSideLink link,
      NodeIdentity self,
      NodeIdentity identity,
      StreamConfig config) {
    this.agent = agent;
    this.link = link;
    this.self = self;
    this.identity = identity;
    this.config = config;
  }

  @Override
  public Fidelity fidelity() {
    return identity.fidelity();
  }

  /** What the node said of itself. */
  public NodeIdentity identity() {
    return identity;
  }

  /** True while orders can be sent: nothing has been heard of its end. */
  public boolean isAlive() {
    return markedLost == null && link.isAlive();
  }

  /** Why it is not alive, one line, or null. */
  public @Nullable String lostReason() {
    String marked = markedLost;
    return marked != null ? marked : link.lostReason();
  }

  /** The best recent round trip between the two stream threads. */
  public long roundTripNs() {
    return link.roundTripNs();
  }

  /** How this node receives what it sends, and why so, one line for people. */
  public String datagrams() {
    return "received " + agent.offload().receiving();
  }

  /** Tokens of the longest prompt that can be ordered of it. */
  public int longestPrompt() {
    int fits = Math.min(identity.contextTokens(), identity.limits().roomTokens());
    return Math.min(fits, ControlTerm.of(config, self.contextTokens()).longestOrder());
  }

  @Override
  public NodeLimits limits() {
    return identity.limits();
  }

  @Override
  public KvReceiver order(PrefillOrder order, KvSink sink) {
    String misfit = order.stage().misfit(self.states());
    if (misfit != null) {
      throw new IllegalArgumentException(misfit);
    }
    if (order.tokens().length > longestPrompt()) {
      throw new IllegalArgumentException(
          "a prompt of "
              + order.tokens().length
              + " tokens; "
              + link.label()
              + " takes "
              + longestPrompt());
    }
    ReceiveSession session =
        new ReceiveSession(
            order,
            sink,
            self.states(),
            new ReceiveSession.Windows(config.creditBytes(), config.rowsBytes()),
            link.label(),
            it -> agent.call(() -> link.cancel(it)));
    if (config.trace()) {
      session.keepTrace();
    }
    Capability lacking = order.lacking(identity.capabilities());
    if (lacking != null) {
      session.fail(link.label() + " does not " + lacking.words());
      session.detach();
      return session;
    }
    String marked = markedLost;
    if (marked != null || !agent.post(() -> link.order(session))) {
      String failed = agent.failure();
      session.fail(
          marked != null ? marked : failed != null ? failed : "this node's stream is closed");
      session.detach();
    }
    return session;
  }

  /**
   * Asks the node what it holds of a prompt, and how it stands: a round trip. The answer fails with
   * a {@link StreamException} where the node is lost before.
   */
  public CompletableFuture<PrefixHits> ask(PrefixQuery query) {
    CompletableFuture<PrefixHits> answer = new CompletableFuture<>();
    String marked = markedLost;
    if (marked != null || !agent.post(() -> link.ask(query, answer))) {
      answer.completeExceptionally(
          new StreamException(marked != null ? marked : "this node's stream is closed"));
    }
    return answer;
  }

  /**
   * Tells the stream that the node is dead, as the owner of its process knows before the lease
   * ends: its sessions fail now.
   *
   * @param why one line, the failure of those sessions
   */
  public void markLost(String why) {
    markedLost = why;
    agent.post(() -> link.end(why));
  }

  /** Ends the acquaintance: open sessions fail, the node is told. Twice is fine. */
  @Override
  public void close() {
    if (markedLost == null) {
      markedLost = "the connection to " + link.label() + " was closed";
    }
    agent.call(() -> link.end("the decode node closed the connection"), CLOSE_LIMIT_NS);
  }
}
