package dev.baton.kvstream;

import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.RowDigest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Prints how fast KV travels over loopback with nothing computed; asserts nothing, as machines
 * differ.
 */
class ThroughputTest {
  private static final KvGeometry GEOMETRY = new KvGeometry(32, 8, 64);
  private static final int ROW_BYTES = GEOMETRY.tokenBytes() / 2;
  private static final int TOKENS = 2048;
  private static final int ROUNDS = 4;

  /**
   * Copies slices out of one row buffer, which is about what a cache's export costs at the least.
   */
  private static final class RowsSource implements KvSource {
    private final MemorySegment rows =
        Arena.ofAuto().allocate((long) TOKENS * GEOMETRY.tokenBytes(), 64);

    @Override
    public long exportSlice(
        int layer, int firstToken, int tokens, MemorySegment dst, long dstOffset) {
      long bytes = (long) tokens * GEOMETRY.tokenBytes();
      MemorySegment.copy(rows, (long) firstToken * GEOMETRY.tokenBytes(), dst, dstOffset, bytes);
      return RowDigest.ofSlice(layer, firstToken, tokens, ROW_BYTES, dst, dstOffset);
    }
  }

  private static final class ReadyPrefill implements PrefillService {
    private final RowsSource source = new RowsSource();

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
  void shouldPrintHowFastKvTravels() {
    ClusterKey key = ClusterKey.random(new SecureRandom());
    for (int mtu : new int[] {65504, 8192, 1408}) {
      print("plain", StreamConfig.builder().mtuBytes(mtu));
      print("sealed", StreamConfig.builder().mtuBytes(mtu).clusterKey(key));
    }
  }

  private static void print(String what, StreamConfig.Builder config) {
    NodeIdentity node = Nodes.node(GEOMETRY, 64, TOKENS);
    MemorySegment rows = Arena.ofAuto().allocate((long) TOKENS * GEOMETRY.tokenBytes(), 64);
    KvSink sink =
        (layer, first, tokens, src, offset, digest) -> {
          if (RowDigest.ofSlice(layer, first, tokens, ROW_BYTES, src, offset) != digest) {
            return false;
          }
          long at = (long) first * GEOMETRY.tokenBytes();
          MemorySegment.copy(src, offset, rows, at, (long) tokens * GEOMETRY.tokenBytes());
          return true;
        };
    StreamConfig listening = config.listen("127.0.0.1:0").build();
    try (StreamNode sending = StreamNode.launch(listening, node, new ReadyPrefill());
        StreamNode receiving = StreamNode.launch(config.listen(null).build(), node, null);
        PrefillPeer peer = receiving.connect(sending.endpoint())) {
      StringBuilder line =
          new StringBuilder("kvstream loopback, MTU " + listening.mtuBytes() + ", " + what + ":");
      for (int round = 0; round < ROUNDS; round++) {
        try (KvReceiver receiver =
            peer.order(Nodes.order(round, TOKENS, 0, GEOMETRY.layers(), TOKENS), sink)) {
          Nodes.awaitWhole(receiver);
          TransferReport report = receiver.report();
          double seconds = (report.lastByteNs() - report.firstByteNs()) / 1e9;
          line.append(String.format(Locale.ROOT, " %.0f", report.kvBytes() / seconds / 1e6));
        }
      }
      System.out.println(line + " MB/s, round trip " + peer.roundTripNs() / 1000 + " us");
    }
  }
}
