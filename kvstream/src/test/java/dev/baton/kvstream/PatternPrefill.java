package dev.baton.kvstream;

import dev.baton.kvstream.session.PatternKv;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A prefill side that computes nothing: it hands over a {@link PatternKv}, seeded by the session,
 * chunk by chunk.
 */
public class PatternPrefill implements PrefillService, AutoCloseable {
  private final NodeIdentity node;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  public final List<Long> released = new CopyOnWriteArrayList<>();
  public final List<KvSender> senders = new CopyOnWriteArrayList<>();
  public volatile long nsPerSlice;
  public volatile @Nullable String refusal;
  public volatile @Nullable String failure;
  public volatile int failAtChunk = -1;
  public volatile boolean sourceThrows;
  public volatile boolean releaseThrows;
  public volatile @Nullable Error error;

  public PatternPrefill(NodeIdentity node) {
    this.node = node;
  }

  @Override
  public @Nullable String accept(PrefillOrder order, KvSender sender) {
    Error thrown = error;
    if (thrown != null) {
      throw thrown;
    }
    if (refusal != null) {
      return refusal;
    }
    senders.add(sender);
    threads.execute(() -> compute(order, sender));
    return null;
  }

  private void compute(PrefillOrder order, KvSender sender) {
    int end = order.tokens().length;
    PatternKv kv = PatternKv.filled(node.states(), end, order.sessionId());
    boolean broken = sourceThrows;
    sender.begin(
        new KvSource() {
          @Override
          public long exportSlice(
              int layer, int state, int first, int count, MemorySegment dst, long offset) {
            if (broken) {
              throw new IllegalStateException("no cache");
            }
            return kv.exportSlice(layer, state, first, count, dst, offset);
          }

          @Override
          public boolean exportFixed(
              int layer, int state, int at, int from, int bytes, MemorySegment dst, long offset) {
            return kv.exportFixed(layer, state, at, from, bytes, dst, offset);
          }
        });
    long startNs = System.nanoTime();
    MemorySegment hidden = hidden(node, order.stage().toLayer(), end, order.sessionId());
    int chunk = 0;
    int tokens;
    for (int first = order.firstToken(); first < end; first += tokens) {
      tokens = order.chunks().next(end - first);
      String reason = failure;
      if (reason != null && chunk++ == failAtChunk) {
        sender.fail(reason);
        return;
      }
      for (int layer = order.stage().fromLayer(); layer < order.stage().toLayer(); layer++) {
        if (sender.isOver()) {
          return;
        }
        if (nsPerSlice > 0) {
          LockSupport.parkNanos(nsPerSlice);
        }
        sender.slice(layer, first, tokens);
        sender.fixed(layer, first + tokens);
      }
      if (order.stage().rows() == Stage.Rows.ALL) {
        sender.hidden(first, tokens, hidden, first);
      }
    }
    if (order.stage().rows() == Stage.Rows.LAST) {
      sender.hidden(end - 1, 1, hidden, end - 1);
    }
    sender.done(startNs, System.nanoTime());
  }

  /** The boundary rows a session gets, row t for token t. */
  public static MemorySegment hidden(NodeIdentity node, int boundary, int tokens, long seed) {
    long bytes = (long) tokens * node.states().boundaryBytes(boundary);
    MemorySegment rows = MemorySegment.ofArray(new byte[Math.toIntExact(bytes)]);
    for (long i = 0; i < bytes; i++) {
      rows.set(ValueLayout.JAVA_BYTE, i, (byte) ((i * 31 + seed) % 251));
    }
    return rows;
  }

  @Override
  public void released(long sessionId) {
    released.add(sessionId);
    if (releaseThrows) {
      throw new IllegalStateException("no such session");
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
