package dev.baton;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillNode;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A real stream whose receiving end takes its time: the request is finished without it. */
class SlowLinkTest {
  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final long PAUSE_PER_SLICE_NS = TimeUnit.MILLISECONDS.toNanos(150);
  private static final int ANSWER = 6;

  @Test
  void shouldFinishHereWhenTheLinkIsMuchSlowerThanTheComputeAndOnlyThen() throws Exception {
    try (NodeCompute compute =
            NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), done -> {});
        PrefillNode node = PrefillNode.launch(compute, "127.0.0.1:0", 128, LEASE, null);
        StreamNode stream =
            StreamNode.launch(
                StreamConfig.builder().leaseNs(LEASE.toNanos()).build(),
                compute.identity("decode"),
                null);
        PrefillPeer peer = stream.connect(node.endpoint());
        DecodeQueue loop =
            new DecodeQueue(compute.model(), compute.pool(), 2, 128, System::nanoTime)) {
      int[] prompt = new SplittableRandom(3).ints(900, 2, 2000).toArray();
      int layers = compute.model().shape().layers();
      CollectedAnswer wanted = answer(loop, prompt, null);
      PrefillTarget slow =
          (order, sink) ->
              peer.order(
                  order,
                  (layer, state, firstToken, tokens, src, srcOffset, digest) -> {
                    LockSupport.parkNanos(PAUSE_PER_SLICE_NS);
                    return sink.importSlice(
                        layer, state, firstToken, tokens, src, srcOffset, digest);
                  });
      for (int boundary : new int[] {layers, 3}) {
        CollectedAnswer left = answer(loop, prompt, remote(slow, boundary));
        String why = String.valueOf(left.ended.get().fallback());
        assertTrue(why.matches(".*: the rest would take .* s, here .* s(;.*)?"), why);
        assertArrayEquals(wanted.tokens, left.tokens);
        CollectedAnswer kept = answer(loop, prompt, remote(peer, boundary));
        assertNull(kept.ended.get().fallback());
        assertArrayEquals(wanted.tokens, kept.tokens);
      }
      for (int i = 0; i < 500 && node.sessions() > 0; i++) {
        Thread.sleep(10);
      }
      assertEquals(0, node.sessions());
      assertEquals(compute.pool().totalBlocks(), compute.pool().freeBlocks());
    }
  }

  private static RemotePrefill remote(PrefillTarget target, int boundary) {
    return new RemotePrefill(target, boundary, new ChunkSchedule(64, 16), KvWireType.F16, false);
  }

  private static CollectedAnswer answer(
      DecodeQueue loop, int[] prompt, @Nullable RemotePrefill remote) throws Exception {
    CollectedAnswer answer = new CollectedAnswer(ANSWER);
    loop.submit(
        new DecodeRequest(prompt, ANSWER, SamplingParams.greedy(), token -> false, remote, answer));
    answer.ended.get(120, TimeUnit.SECONDS);
    return answer;
  }
}
