package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.RowDigest;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.StreamConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Once a session streams, neither side's stream thread allocates, leases and credits included. Code
 * that is not compiled yet, or compiled anew, allocates a little; so the test looks at one stretch
 * of the stream after the other until one is free of allocation. What a slice, a credit or a lease
 * allocated would be in every stretch.
 */
@Timeout(120)
class AllocationTest {
  private static final KvGeometry GEOMETRY = new KvGeometry(24, 4, 64);
  private static final int TOKENS = 128 * 1024;
  private static final int ROW_BYTES = GEOMETRY.tokenBytes() / 2;
  private static final int CHUNK_TOKENS = 64;
  private static final int STRETCH_SLICES = 2000;
  private static final long LEASE_NS = TimeUnit.SECONDS.toNanos(2);

  /**
   * The JDK's own, now and then (160 bytes were seen); one object for each slice would be 32,000.
   */
  private static final long JDK_NOISE_BYTES = 256;

  private final MemorySegment rows =
      Arena.ofAuto().allocate((long) TOKENS * GEOMETRY.tokenBytes(), 64);
  private final AtomicLong slices = new AtomicLong();

  private final class PacedPrefill implements PrefillService {
    @Override
    public @Nullable String accept(PrefillOrder order, KvSender sender) {
      Thread.ofPlatform().daemon().start(() -> compute(sender));
      return null;
    }

    private void compute(KvSender sender) {
      sender.begin((layer, _, first, tokens, dst, offset) -> {
        MemorySegment.copy(rows, at(first), dst, offset, at(tokens));
        return RowDigest.ofSlice(layer, first, tokens, ROW_BYTES, dst, offset);
      });
      for (int first = 0; first < TOKENS && !sender.isOver(); first += CHUNK_TOKENS) {
        for (int layer = 0; layer < GEOMETRY.layers(); layer++) {
          sender.slice(layer, first, CHUNK_TOKENS);
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
      }
    }

    @Override
    public void released(long sessionId) {}
  }

  private static long at(int token) {
    return (long) token * GEOMETRY.tokenBytes();
  }

  @Test
  void shouldAllocateNothingWhileItStreams() {
    NodeIdentity node = Nodes.node(GEOMETRY, 64, TOKENS);
    StreamConfig.Builder config = StreamConfig.builder().leaseNs(LEASE_NS).creditBytes(1 << 20);
    KvSink sink =
        (layer, state, first, tokens, src, offset, digest) -> {
          slices.setRelease(slices.getPlain() + 1);
          MemorySegment.copy(src, offset, rows, at(first), at(tokens));
          return RowDigest.ofSlice(layer, first, tokens, ROW_BYTES, src, offset) == digest;
        };
    try (StreamNode sending =
            StreamNode.launch(config.listen("127.0.0.1:0").build(), node, new PacedPrefill());
        StreamNode receiving = StreamNode.launch(config.listen(null).build(), node, null);
        PrefillPeer peer = receiving.connect(sending.endpoint());
        KvReceiver receiver =
            peer.order(Nodes.order(1, TOKENS, 0, GEOMETRY.layers(), CHUNK_TOKENS), sink)) {
      List<Long> allocated = new ArrayList<>();
      do {
        assertTrue(
            receiver.coveredTokens() < TOKENS,
            () -> "bytes allocated in each stretch: " + allocated);
        allocated.add(allocatedInOneStretch(receiver));
      } while (allocated.getLast() > JDK_NOISE_BYTES);
      System.out.println(
          "bytes allocated in stretches of " + STRETCH_SLICES + " slices: " + allocated);
    }
  }

  private long allocatedInOneStretch(KvReceiver receiver) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long[] ids =
        Thread.getAllStackTraces().keySet().stream()
            .filter(it -> it.getName().equals("baton-stream"))
            .mapToLong(Thread::threadId)
            .toArray();
    assertEquals(2, ids.length);
    long before = threads.getThreadAllocatedBytes(ids[0]) + threads.getThreadAllocatedBytes(ids[1]);
    long from = slices.getAcquire();
    long startNs = System.nanoTime();
    assertTrue(
        Nodes.await(
            () ->
                // Long enough for a lease to be renewed.
                slices.getAcquire() - from >= STRETCH_SLICES
                    && System.nanoTime() - startNs > LEASE_NS / 3,
            30_000),
        receiver::failure);
    return threads.getThreadAllocatedBytes(ids[0])
        + threads.getThreadAllocatedBytes(ids[1])
        - before;
  }
}
