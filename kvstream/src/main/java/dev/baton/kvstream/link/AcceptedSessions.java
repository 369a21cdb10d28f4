package dev.baton.kvstream.link;

import dev.baton.kvstream.Capability;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.OrderReport;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.message.Credit;
import dev.baton.kvstream.message.OrderDigest;
import dev.baton.kvstream.session.KvStream;
import dev.baton.kvstream.session.SendSession;
import java.util.ArrayList;
import java.util.List;
import org.agrona.collections.Long2ObjectHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The orders of one decode node that are under way here, and their turns on its KV stream. Stream
 * thread only.
 */
final class AcceptedSessions {
  /** What one session may send before another may have its turn. */
  private static final int QUANTUM_BYTES = 128 * 1024;

  /** Quanta in one turn of the stream thread. */
  private static final int QUANTA = 4;

  /**
   * One quantum of so many goes to the session that has waited longest, however much it has left.
   */
  private static final int FAIR_SHARE = 4;

  private static final int MAX_SESSIONS = 1024;

  private static final System.Logger LOG = System.getLogger("dev.baton.kvstream");

  private final String caller;
  private final StreamAgent.Self self;
  private final NodeIdentity identity;
  private final PrefillService service;
  private final Long2ObjectHashMap<SendSession> byId = new Long2ObjectHashMap<>();
  private final List<SendSession> turns = new ArrayList<>();
  private int quantum;

  /**
   * @param caller the decode node, as reports name it
   */
  AcceptedSessions(String caller, StreamAgent.Self self, PrefillService service) {
    this.caller = caller;
    this.self = self;
    this.identity = self.identity();
    this.service = service;
  }

  int count() {
    return turns.size();
  }

  SendSession get(int index) {
    return turns.get(index);
  }

  @Nullable SendSession find(long id) {
    return byId.get(id);
  }

  /**
   * Takes an order; one that is said again over a new connection, in case that it was lost, is
   * there already.
   *
   * @return why not, one line, or null
   */
  @Nullable String accept(PrefillOrder wanted, Credit credit) {
    long id = wanted.sessionId();
    SendSession known = byId.get(id);
    if (known != null
        && known.isPaused()
        && OrderDigest.of(known.order()) == OrderDigest.of(wanted)) {
      return null;
    }
    String reason = reasonAgainst(wanted);
    if (reason == null) {
      SendSession session =
          new SendSession(
              wanted,
              identity.states(),
              credit,
              self.config().rowsBytes(),
              self.config().clock(),
              self.wake());
      reason = accept(wanted, session);
      if (reason == null) {
        byId.put(id, session);
        turns.add(session);
        return null;
      }
      session.end();
    }
    return reason;
  }

  private @Nullable String accept(PrefillOrder wanted, SendSession session) {
    try {
      return service.accept(wanted, session);
    } catch (Exception e) {
      return "its prefill side failed: " + e;
    }
  }

  private @Nullable String reasonAgainst(PrefillOrder wanted) {
    if (wanted.tokens().length > identity.contextTokens()) {
      return "a prompt of "
          + wanted.tokens().length
          + " tokens is longer than its context of "
          + identity.contextTokens();
    }
    String misfit = wanted.stage().misfit(identity.states());
    if (misfit != null) {
      return misfit;
    }
    Capability lacking = wanted.lacking(identity.capabilities());
    if (lacking != null) {
      return "this node does not " + lacking.words();
    }
    if (byId.containsKey(wanted.sessionId())) {
      return "session " + wanted.sessionId() + " exists already: session ids are unique";
    }
    return turns.size() >= MAX_SESSIONS ? "it has " + MAX_SESSIONS + " sessions already" : null;
  }

  /** Goes on with the sessions of an earlier link to the same node, once it says what they lack. */
  void takeOver(AcceptedSessions earlier, long nowNs) {
    for (SendSession session : earlier.turns) {
      session.pause(nowNs);
      byId.put(session.order().sessionId(), session);
      turns.add(session);
    }
    earlier.turns.clear();
    earlier.byId.clear();
  }

  /**
   * Sends a few quanta: to the session that has the least left, so that a short prompt does not
   * wait for a long one's bytes, and now and then to the one that has waited longest, so that a
   * long one always gets on.
   */
  int pump(KvStream out, long nowNs) {
    int pumped = 0;
    for (int i = turns.size() - 1; i >= 0; i--) {
      turns.get(i).newTurn();
    }
    for (int i = 0; i < QUANTA; i++) {
      quantum++;
      SendSession next = quantum % FAIR_SHARE == 0 ? longestWaiting() : leastUnsent();
      if (next == null) {
        break;
      }
      pumped += pump(next, out, nowNs);
    }
    return pumped;
  }

  private @Nullable SendSession leastUnsent() {
    SendSession least = null;
    for (int i = 0; i < turns.size(); i++) {
      SendSession session = turns.get(i);
      if (session.mayPump() && (least == null || session.unsentBytes() < least.unsentBytes())) {
        least = session;
      }
    }
    return least;
  }

  private @Nullable SendSession longestWaiting() {
    SendSession longest = null;
    for (int i = 0; i < turns.size(); i++) {
      SendSession session = turns.get(i);
      if (session.mayPump() && (longest == null || session.servedNs() - longest.servedNs() < 0)) {
        longest = session;
      }
    }
    return longest;
  }

  private static int pump(SendSession session, KvStream out, long nowNs) {
    try {
      return session.pump(out, QUANTUM_BYTES, nowNs);
    } catch (Exception e) {
      session.fail("its KV could not be read: " + e);
      return 0;
    }
  }

  /** Ends a session and has the service told; nothing where it is not there any more. */
  void end(long id, OrderReport.End how, @Nullable String reason) {
    SendSession session = byId.remove(id);
    if (session == null) {
      return;
    }
    turns.remove(session);
    session.end();
    try {
      service.released(id);
    } catch (Exception e) {
      // The service's own trouble: the session is over all the same, and the other sessions go on.
      LOG.log(System.Logger.Level.WARNING, "the prefill side failed at a session's end: " + e);
    }
    tell(session.report(caller, how, reason));
  }

  /** The connection has ended, and all sessions with it. */
  void endAll() {
    while (!turns.isEmpty()) {
      end(turns.getLast().order().sessionId(), OrderReport.End.LOST, "the connection has ended");
    }
  }

  /** Has the service told of an order that was not taken. */
  void refused(PrefillOrder wanted, String reason) {
    tell(OrderReport.refused(caller, reason, wanted));
  }

  private void tell(OrderReport report) {
    try {
      service.ended(report);
    } catch (Exception e) {
      LOG.log(System.Logger.Level.WARNING, "an order's end could not be told: " + e);
    }
  }
}
