package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.RowDigest;
import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.TransferReport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * KV over loopback with nothing computed, plain and sealed, in large and small packets: every row
 * arrives as it was sent, and no wait for a timer is on the way. {@code baton bench stream}
 * measures how fast that is.
 */
class ThroughputTest {
  private static final KvGeometry GEOMETRY = new KvGeometry(8, 8, 64);
  private static final int ROW_BYTES = GEOMETRY.tokenBytes() / 2;
  private static final int TOKENS = 2048;
  private static final int ROUNDS = 8;

  /**
   * A machine does a hundred times this, a busy one ten times; a stream that waits for a heartbeat
   * or a retransmission per window does not reach it.
   */
  private static final double LEAST_BYTES_PER_SECOND = 10e6;

  /**
   * Copies slices out of one row buffer, which is about what a cache's export costs at the least. A
   * layer's slice begins at its own row, so no two layers are alike.
   */
  private static final class RowsSource implements KvSource {
    private final MemorySegment rows =
        Arena.ofAuto().allocate((long) (TOKENS + GEOMETRY.layers()) * GEOMETRY.tokenBytes(), 64);

    RowsSource() {
      SplittableRandom random = new SplittableRandom(11);
      for (long at = 0; at < rows.byteSize(); at += Long.BYTES) {
        rows.set(ValueLayout.JAVA_LONG, at, random.nextLong());
      }
    }

    private long offset(int layer, int firstToken) {
      return (long) (layer + firstToken) * GEOMETRY.tokenBytes();
    }

    @Override
    public long exportSlice(
        int layer, int state, int firstToken, int tokens, MemorySegment dst, long dstOffset) {
      long bytes = (long) tokens * GEOMETRY.tokenBytes();
      MemorySegment.copy(rows, offset(layer, firstToken), dst, dstOffset, bytes);
      return RowDigest.ofSlice(layer, firstToken, tokens, ROW_BYTES, dst, dstOffset);
    }

    boolean sent(int layer, int firstToken, int tokens, MemorySegment src, long srcOffset) {
      long bytes = (long) tokens * GEOMETRY.tokenBytes();
      long at = offset(layer, firstToken);
      return MemorySegment.mismatch(rows, at, at + bytes, src, srcOffset, srcOffset + bytes) < 0;
    }
  }

  private record ReadyPrefill(RowsSource source) implements PrefillService {
    @Override
    public @Nullable String accept(PrefillOrder order, KvSender sender) {
      Thread.ofVirtual()
          .start(() -> {
            sender.begin(source);
            long startNs = System.nanoTime();
            for (int layer = 0; layer < GEOMETRY.layers(); layer++) {
              sender.slice(layer, 0, TOKENS);
            }
            sender.hidden(TOKENS - 1, 1, MemorySegment.ofArray(new float[64]), 0);
            sender.done(startNs, System.nanoTime());
          });
      return null;
    }

    @Override
    public void released(long sessionId) {}
  }

  @Test
  @Timeout(240)
  void shouldDeliverEveryRowAsSentAndWaitForNoTimer() {
    ClusterKey key = ClusterKey.random(new SecureRandom());
    for (int mtu : new int[] {65504, 8192, 1408}) {
      deliver("plain, MTU " + mtu, StreamConfig.builder().mtuBytes(mtu));
      deliver("sealed, MTU " + mtu, StreamConfig.builder().mtuBytes(mtu).clusterKey(key));
    }
  }

  private static void deliver(String what, StreamConfig.Builder config) {
    NodeIdentity node = Nodes.node(GEOMETRY, 64, TOKENS);
    RowsSource source = new RowsSource();
    StreamConfig listening = config.listen("127.0.0.1:0").build();
    try (StreamNode sending = StreamNode.launch(listening, node, new ReadyPrefill(source));
        StreamNode receiving = StreamNode.launch(config.listen(null).build(), node, null);
        PrefillPeer peer = receiving.connect(sending.endpoint())) {
      double best = 0;
      for (int round = 0; round < ROUNDS && best < LEAST_BYTES_PER_SECOND; round++) {
        best = Math.max(best, bytesPerSecond(peer, round, source, what));
      }
      assertTrue(best >= LEAST_BYTES_PER_SECOND, what + ": " + best / 1e6 + " MB/s at best");
    }
  }

  private static double bytesPerSecond(
      PrefillPeer peer, int round, RowsSource source, String what) {
    BitSet arrived = new BitSet(); // bit layer * TOKENS + token; written by one thread
    KvSink sink =
        (layer, state, first, tokens, src, offset, digest) -> {
          arrived.set(layer * TOKENS + first, layer * TOKENS + first + tokens);
          return source.sent(layer, first, tokens, src, offset)
              && RowDigest.ofSlice(layer, first, tokens, ROW_BYTES, src, offset) == digest;
        };
    try (KvReceiver receiver =
        peer.order(Nodes.order(round, TOKENS, 0, GEOMETRY.layers(), TOKENS), sink)) {
      Nodes.awaitWhole(receiver);
      TransferReport report = receiver.report();
      assertEquals(GEOMETRY.layers() * TOKENS, arrived.cardinality(), what);
      assertEquals(
          (long) GEOMETRY.layers() * TOKENS * GEOMETRY.tokenBytes(), report.kvBytes(), what);
      return report.kvBytes() / ((report.lastByteNs() - report.firstByteNs()) / 1e9);
    }
  }
}
