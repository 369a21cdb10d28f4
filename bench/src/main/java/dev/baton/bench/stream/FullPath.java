package dev.baton.bench.stream;

import dev.baton.bench.report.WrongResult;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvView;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.Capability;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.NodeLimits;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.Stage;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The whole way of a prompt's KV with nothing computed: out of one paged cache, through two {@link
 * StreamNode}s, into another cache. Every round ends with a comparison of the caches' memory.
 */
final class FullPath implements AutoCloseable {
  private static final int HIDDEN_DIM = 64;

  /** What stands before a slice's payload: SBE header and KvSlice block. */
  private static final int SLICE_HEADER_BYTES = 56;

  private static final long WAIT_MS = 1;

  private final Shape shape;
  private final Kernels kernels;
  private final CachePair caches;
  private final UnaryOperator<KvSink> interference;
  private final CpuMeter cpu = new CpuMeter();
  private final StreamNode sending;
  private final StreamNode receiving;
  private final PrefillPeer peer;
  private long session;
  private int largestSliceTokens;

  /**
   * Starts both nodes and acquaints them.
   *
   * @param interference stands between the stream and the destination; the identity, except in a
   *     test of the comparison
   */
  FullPath(
      Shape shape,
      StreamConfig.Builder config,
      Kernels kernels,
      CachePair caches,
      UnaryOperator<KvSink> interference) {
    this.shape = shape;
    this.kernels = kernels;
    this.caches = caches;
    this.interference = interference;
    KvGeometry geometry = shape.geometry();
    NodeIdentity identity =
        new NodeIdentity(
            "bench",
            "0123456789abcdef",
            geometry.states(HIDDEN_DIM),
            shape.tokens(),
            Kernels.NUMERICS_VERSION,
            kernels.description(),
            Fidelity.EXACT,
            NodeLimits.UNLIMITED,
            EnumSet.allOf(Capability.class));
    Set<Long> known = CpuMeter.threads();
    this.sending = StreamNode.launch(config.listen("127.0.0.1:0").build(), identity, new Ready());
    cpu.adopt(known, "send");
    known = CpuMeter.threads();
    this.receiving = StreamNode.launch(config.listen(null).build(), identity, null);
    cpu.adopt(known, "receive");
    this.peer = receiving.connect(sending.endpoint());
  }

  /** Hands all slices over at once, as if they had been computed long ago. */
  private final class Ready implements PrefillService {
    @Override
    public @Nullable String accept(PrefillOrder order, KvSender sender) {
      KvView source = caches.source().view();
      Thread.ofVirtual()
          .start(() -> {
            sender.begin((layer, _, first, tokens, dst, offset) ->
                kernels.exportKv(source, layer, first, tokens, KvWireType.F16, dst, offset));
            long startNs = System.nanoTime();
            for (int layer = 0; layer < shape.geometry().layers(); layer++) {
              sender.slice(layer, 0, shape.tokens());
            }
            sender.hidden(shape.tokens() - 1, 1, MemorySegment.ofArray(new float[HIDDEN_DIM]), 0);
            sender.done(startNs, System.nanoTime());
          });
      return null;
    }

    @Override
    public void released(long sessionId) {}
  }

  /**
   * Moves the KV once, into a cleared cache, and compares.
   *
   * @throws WrongResult when the destination's memory differs from the source's, or the session
   *     failed
   */
  Round move() throws InterruptedException {
    KvView destination = caches.clearedDestination().view();
    Round round = transfer(destination);
    caches.requireEqual();
    return round;
  }

  /**
   * Moves the KV once. The time goes from the order until the session is whole: everything stored
   * and every digest equal.
   *
   * @throws WrongResult when the session failed
   */
  Round transfer(KvView destination) throws InterruptedException {
    KvSink cache =
        (layer, _, first, tokens, src, offset, digest) -> {
          largestSliceTokens = Math.max(largestSliceTokens, tokens);
          return kernels.importKv(
              destination, layer, first, tokens, KvWireType.F16, src, offset, digest);
        };
    PrefillOrder order =
        new PrefillOrder(
            session++,
            new Prompt(new int[shape.tokens()], 0),
            Stage.below(shape.geometry().layers(), shape.geometry().layers()),
            ChunkSchedule.equal(shape.tokens()),
            KvWireType.F16);
    cpu.start();
    long startNs = System.nanoTime();
    try (KvReceiver receiver = peer.order(order, interference.apply(cache))) {
      while (receiver.state() != KvReceiver.State.WHOLE) {
        if (receiver.state() == KvReceiver.State.FAILED) {
          throw new WrongResult(Objects.requireNonNull(receiver.failure()));
        }
        Thread.sleep(WAIT_MS);
      }
      return new Round(shape.bytes(), System.nanoTime() - startNs, cpu.stop());
    }
  }

  /** Bytes of the largest message seen so far, its header included. */
  int messageBytes() {
    return SLICE_HEADER_BYTES + largestSliceTokens * shape.geometry().tokenBytes();
  }

  @Override
  public void close() {
    peer.close();
    receiving.close();
    sending.close();
  }
}
