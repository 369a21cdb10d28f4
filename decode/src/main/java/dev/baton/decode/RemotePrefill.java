package dev.baton.decode;

import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillPeer;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The remote part of a plan: which node prefills, up to which layer, in what chunks.
 *
 * @param peer the prefill node
 * @param boundaryLayer it computes layers [0, boundaryLayer), 1..layers
 * @param chunkTokens prompt tokens that go through the layers together
 * @param wireType element type of the KV on its way
 */
public record RemotePrefill(
    PrefillPeer peer, int boundaryLayer, int chunkTokens, KvWireType wireType) {
  /** Sends the order; slices then arrive in {@code sink}. */
  KvReceiver order(int[] prompt, KvSink sink) {
    long sessionId = ThreadLocalRandom.current().nextLong();
    return peer.order(
        new PrefillOrder(sessionId, prompt, 0, boundaryLayer, chunkTokens, wireType), sink);
  }
}
