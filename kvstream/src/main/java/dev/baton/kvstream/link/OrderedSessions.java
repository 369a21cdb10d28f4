package dev.baton.kvstream.link;

import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.TransferFault;
import dev.baton.kvstream.message.Credit;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.session.ClockOffset;
import dev.baton.kvstream.session.KvReader;
import dev.baton.kvstream.session.ReceiveSession;
import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;
import org.agrona.collections.Long2ObjectHashMap;
import org.agrona.collections.LongArrayList;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * The orders of a decode node that one prefill node has under way, over one connection after the
 * other. Stream thread only.
 */
final class OrderedSessions {
  /** When no KV came for so long, what was missed is not on its way any more. */
  private static final long MISSED_PAUSE_NS = 100_000_000;

  private final NanoClock clock;
  private final Long2ObjectHashMap<ReceiveSession> byId = new Long2ObjectHashMap<>();
  private final List<ReceiveSession> inOrder = new ArrayList<>();
  private final LongArrayList endedMeanwhile = new LongArrayList();
  private final KvReader reader;
  private @Nullable LinkControl control;
  private boolean missed;
  private long heardNs;

  /**
   * @param peersClock how far the prefill node's is ahead
   */
  OrderedSessions(NanoClock clock, ClockOffset peersClock) {
    this.clock = clock;
    this.reader = new KvReader(byId, peersClock);
  }

  int count() {
    return inOrder.size();
  }

  boolean contains(long id) {
    return byId.containsKey(id);
  }

  /** The node listens: a new order goes out at once, and an end is told. */
  void connected(LinkControl to) {
    control = to;
  }

  /** The connection broke: what there is to say is said once it is made anew. */
  void disconnected() {
    control = null;
  }

  /** Sends an order, now or with what is resumed. */
  void add(ReceiveSession session) {
    byId.put(session.order().sessionId(), session);
    inOrder.add(session);
    session.ordered(clock.nanoTime());
    if (control != null) {
      sendOrder(session, control);
    }
  }

  private static void sendOrder(ReceiveSession session, LinkControl to) {
    to.send(to.writer().order(session.order(), session.creditLimit(), session.rowsLimit()));
  }

  /** Ends a session that its owner does not want any more. */
  void cancel(ReceiveSession session) {
    session.fail("cancelled by its owner", null);
    if (byId.get(session.order().sessionId()) == session) {
      conclude(session, true);
    }
  }

  /** Ends a session that the prefill node has ended. */
  void fail(long id, String reason, TransferFault fault) {
    ReceiveSession session = byId.get(id);
    if (session != null) {
      fail(session, reason, fault);
    }
  }

  /** Ends a session of which the prefill node need not be told. */
  void fail(ReceiveSession session, String reason, TransferFault fault) {
    session.fail(reason, fault);
    conclude(session, false);
  }

  /** The prefill node is gone. */
  void failAll(String reason, TransferFault fault) {
    while (!inOrder.isEmpty()) {
      fail(inOrder.getLast(), reason, fault);
    }
  }

  private void conclude(ReceiveSession session, boolean tellPeer) {
    long id = session.order().sessionId();
    byId.remove(id);
    inOrder.remove(session);
    session.detach();
    if (tellPeer && control == null) {
      endedMeanwhile.addLong(id);
    } else if (tellPeer && control != null) {
      String failure = session.failure();
      control.send(
          failure == null ? control.writer().received(id) : control.writer().abort(id, failure));
    }
  }

  /** Takes a message of the prefill node's KV stream. */
  void onKv(Frame message, DirectBuffer buffer, long nowNs) {
    heardNs = nowNs;
    reader.onMessage(message, buffer, nowNs);
  }

  /** Some of the KV stream's messages were missed, and are asked for when no more come. */
  void missed() {
    missed = true;
  }

  /** The prefill node is back: says what each session lacks, and what is not wanted any more. */
  void resume(LinkControl to) {
    connected(to);
    for (int i = 0; i < inOrder.size(); i++) {
      ReceiveSession session = inOrder.get(i);
      session.resumed();
      if (session.state() == KvReceiver.State.ORDERED) {
        sendOrder(session, to); // the order itself may be what was lost
      }
      request(session, to);
    }
    for (int i = 0; i < endedMeanwhile.size(); i++) {
      to.send(to.writer().abort(endedMeanwhile.getLong(i), "it ended while you were away"));
    }
    endedMeanwhile.clear();
  }

  private static void request(ReceiveSession session, LinkControl to) {
    long bytes = session.renewCredit();
    to.send(
        to.writer()
            .sliceRequest(
                session.order().sessionId(),
                session.receivedBytes(),
                new Credit(bytes, session.rowsLimit()),
                session.rowsTaken(),
                session.missing()));
  }

  /**
   * Concludes what is over, asks for what is missing, gives credit; returns how much was done.
   *
   * @param renewing whether the lease is renewed just now: with it goes whatever credit there is
   */
  int tend(LinkControl to, boolean renewing) {
    int work = 0;
    boolean isMissing = missed && clock.nanoTime() - heardNs > MISSED_PAUSE_NS;
    missed &= !isMissing;
    for (int i = inOrder.size() - 1; i >= 0; i--) {
      ReceiveSession session = inOrder.get(i);
      if (session.isFinal()) {
        conclude(session, true);
        work++;
      } else if (session.takeRequestDue() || isMissing) {
        request(session, to);
        work++;
      } else {
        work += giveCredit(session, to, renewing);
      }
    }
    return work;
  }

  private static int giveCredit(ReceiveSession session, LinkControl to, boolean renewing) {
    long limit = session.creditDue(renewing);
    if (limit < 0) {
      return 0;
    }
    int rows = session.nextRowsLimit();
    long id = session.order().sessionId();
    if (!to.trySend(to.writer().credit(id, limit, rows, session.rowsTaken()))) {
      return 0;
    }
    session.credited(limit, rows);
    return 1;
  }
}
