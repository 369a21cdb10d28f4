package dev.baton.kvstream.session;

import dev.baton.arch.StateTable;
import dev.baton.kvstream.PrefillOrder;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import org.agrona.collections.IntArrayList;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * Boundary rows of one order at the node that computes them. The compute thread puts them into a
 * window; the stream thread sends them in order, as far as the receiver has room, and again what
 * the receiver lacks. Rows that are not kept any more have to be computed again.
 */
final class OutgoingRows {
  private static final int GAP_NUMBERS = 2;

  private final int layer;
  private final int first;
  private final int end;
  private final int rowBytes;
  private final int kept;
  private final SendCredit credit;
  private final NanoClock clock;

  /** Compute thread to stream thread; a time is written before the number it belongs to. */
  private @Nullable RowWindow window;

  private long readyNs;
  private volatile int ready;

  /** Stream thread to compute thread. */
  private volatile int taken;

  /** A token whose row has to be computed again, or -1; the compute thread takes it away. */
  private final AtomicInteger again = new AtomicInteger(-1);

  /** Stream thread's own. */
  private int limit;

  private int sent;

  /** Rows before this one are in the digest. */
  private int digested;

  private long digest;

  /** Rows before {@code sent} that have to leave once more: first, end, ... */
  private final IntArrayList gaps = new IntArrayList();

  private int restart;
  private final SliceHeader header = new SliceHeader();

  /**
   * @param limit rows of tokens before this one may leave at first
   * @param bytes of rows that are kept, about
   */
  OutgoingRows(
      PrefillOrder order,
      StateTable table,
      int limit,
      long bytes,
      SendCredit credit,
      NanoClock clock) {
    this.layer = order.stage().toLayer();
    this.first = order.firstRow();
    this.end = order.tokens().length;
    this.rowBytes = rowBytes(order, table);
    this.kept = RowWindow.capacity(end - first, order.chunks().largestTokens(), rowBytes, bytes);
    this.credit = credit;
    this.clock = clock;
    this.limit = Math.min(end, limit);
    this.ready = first;
    this.taken = first;
    this.sent = first;
    this.digested = first;
    this.restart = end;
    header.sessionId = order.sessionId();
    header.layer = layer;
    header.state = StateSlots.ROWS;
  }

  /** Bytes of one row behind an order's last layer. */
  static int rowBytes(PrefillOrder order, StateTable table) {
    return Math.max(1, table.boundaryBytes(order.stage().toLayer()));
  }

  /** All rows of an order. */
  static long totalBytes(PrefillOrder order, StateTable table) {
    return (long) (order.tokens().length - order.firstRow()) * rowBytes(order, table);
  }

  // The compute thread's side.

  void begin() {
    // On the heap: memory outside of it would be given back only when the heap, which hardly grows
    // here, happens to be collected.
    long bytes = (long) kept * rowBytes;
    MemorySegment memory =
        MemorySegment.ofArray(new long[Math.toIntExact(Math.ceilDiv(bytes, Long.BYTES))]);
    window = new RowWindow(first, kept, rowBytes, memory);
  }

  /** Takes rows as {@link SendSession#hidden} does; false where none of them is new. */
  boolean put(int firstToken, int tokens, MemorySegment from, long row) {
    int wanted = again.get();
    int next = wanted >= 0 ? wanted : ready;
    int until = firstToken + tokens;
    if (until <= next) {
      return false;
    }
    RowWindow into = window;
    if (into == null) {
      throw new IllegalStateException("begin comes before the first hidden row");
    }
    int begin = Math.max(firstToken, next);
    SendSession.requireNext("hidden rows", begin, until - begin, next, end);
    int room = taken + kept - next;
    if (until - begin > room) {
      throw new IllegalStateException(
          "hidden rows of " + (until - begin) + " tokens where there is room for " + room);
    }
    into.put(begin, until - begin, from, (row + begin - firstToken) * rowBytes);
    readyNs = clock.nanoTime();
    ready = until;
    if (wanted >= 0) {
      boolean _ = again.compareAndSet(wanted, -1);
    }
    return true;
  }

  int room() {
    return taken + kept - next();
  }

  /** The token whose row is to be handed over next. */
  int next() {
    int wanted = again.get();
    return wanted >= 0 ? wanted : ready;
  }

  /** Whether some have to be computed once more. Any thread. */
  boolean isWantedAgain() {
    return again.get() >= 0;
  }

  boolean isAllReady() {
    return ready == end;
  }

  // The stream thread's side.

  int rowBytes() {
    return rowBytes;
  }

  /** Rows that were ordered. */
  int count() {
    return end - first;
  }

  /** Of all rows that have left, each once. */
  long digest() {
    return digest;
  }

  /** Whether the receiver can have said that: no rows that were not sent or ordered. */
  boolean isPossible(int limitRows, int takenRows) {
    return takenRows <= sent && limitRows <= end;
  }

  /** Rows of tokens before this one may leave; true where that is more than before. */
  boolean raise(int limitRows) {
    boolean isMore = limitRows > limit;
    limit = Math.max(limit, limitRows);
    return isMore;
  }

  /** Rows of tokens before this one are there; true where there is more room now. */
  boolean release(int takenRows) {
    boolean isMore = takenRows > taken;
    if (isMore) {
      taken = takenRows;
    }
    return isMore;
  }

  /** Whether a range is of rows that were ordered. */
  boolean isOrdered(int from, int until) {
    return from >= first && until > from && until <= end;
  }

  /** What the receiver lacks is said next, by {@link #lacks}. */
  void beginResume() {
    gaps.clear();
    restart = end;
  }

  /** The receiver lacks rows [from, until). */
  void lacks(int from, int until) {
    credit.owes((long) (until - from) * rowBytes);
    if (until == end) {
      restart = from;
    } else if (from < Math.min(until, sent)) {
      gaps.addInt(from);
      gaps.addInt(Math.min(until, sent));
    }
  }

  /**
   * All was said that the receiver lacks; true where rows have to be computed again.
   *
   * @param limitRows rows of tokens before this one may leave
   * @param takenRows those of tokens before this one are there
   */
  boolean endResume(int limitRows, int takenRows) {
    limit = Math.clamp(limitRows, first, end);
    sent = Math.min(sent, restart);
    int from = Math.min(sent, firstGap());
    if (from >= taken) {
      taken = Math.clamp(takenRows, taken, Math.max(taken, from));
      return false;
    }
    gaps.clear();
    sent = from;
    taken = from;
    again.set(from);
    return true;
  }

  private int firstGap() {
    int least = end;
    for (int i = 0; i < gaps.size(); i += GAP_NUMBERS) {
      least = Math.min(least, gaps.getInt(i));
    }
    return least;
  }

  /** Rows of tokens before this one are in the window, as far as they are not wanted again. */
  private int readyEnd() {
    return isWantedAgain() ? sent : ready;
  }

  boolean hasGaps() {
    return !gaps.isEmpty();
  }

  /** Whether some are ready that the receiver has room for. */
  boolean hasNext() {
    return Math.min(readyEnd(), limit) > sent;
  }

  /** Whether all that is ready has left and nothing is wanted again. */
  boolean isAllSent() {
    return readyEnd() <= sent && !isWantedAgain();
  }

  /** Sends some that left before; returns the message's bytes, -1 when it must wait. */
  int sendGap(KvStream out) {
    int last = gaps.size() - GAP_NUMBERS;
    int from = gaps.getInt(last);
    int until = gaps.getInt(last + 1);
    int count = send(out, from, Math.min(until - from, credit.affordable(rowBytes)));
    if (count == 0) {
      return -1;
    }
    gaps.setInt(last, from + count);
    if (from + count >= until) {
      gaps.removeAt(last + 1);
      gaps.removeAt(last);
    }
    return SendSession.MESSAGE_BYTES + count * rowBytes;
  }

  /** Sends the next ones; returns the message's bytes, -1 when it must wait. */
  int sendNext(KvStream out) {
    int count = Math.min(Math.min(readyEnd(), limit) - sent, credit.affordable(rowBytes));
    if (sent < digested) {
      count = Math.min(count, digested - sent);
    }
    int rows = send(out, sent, count);
    if (rows == 0) {
      return -1;
    }
    if (sent == digested) {
      digest += out.lastDigest();
      digested += rows;
    }
    sent += rows;
    return SendSession.MESSAGE_BYTES + rows * rowBytes;
  }

  /** Sends up to {@code most} rows in one message; returns how many, 0 when it must wait. */
  private int send(KvStream out, int from, int most) {
    RowWindow source = window;
    if (most < 1 || source == null) {
      return 0;
    }
    int count = Math.min(Math.min(most, out.rowsPerMessage(rowBytes)), source.run(from));
    header.first = from;
    header.count = count;
    header.readyNs = readyNs;
    header.sentNs = clock.nanoTime();
    if (!out.sendHidden(header, source.memory(), source.offset(from), rowBytes)) {
      return 0;
    }
    credit.spent((long) count * rowBytes);
    return count;
  }
}
