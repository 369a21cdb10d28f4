package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.codec.AbortDecoder;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.media.PendingPublication;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.session.KvMessages;
import dev.baton.kvstream.session.PatternKv;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A prefill node played by the test, over real sockets, that sends more than it may. */
@Timeout(60)
class OverdrawnCreditTest {
  @Test
  void shouldEndTheSessionOfAPeerThatSendsMoreThanItWasCreditedAndNoOther() throws Exception {
    NodeIdentity identity = Nodes.node();
    StreamConfig config = StreamConfig.builder().creditBytes(1 << 16).build();
    try (HandMadeNode peer = new HandMadeNode();
        StreamNode node = StreamNode.launch(config, identity, null)) {
      CompletableFuture<PrefillPeer> connecting =
          CompletableFuture.supplyAsync(() -> node.connect(peer.media.endpoint()));
      assertTrue(peer.await(() -> peer.caller != null));
      Handshake.Caller caller = Objects.requireNonNull(peer.caller);
      Endpoint replyTo = Endpoint.parse(caller.replyTo());
      PendingPublication control = peer.media.control(replyTo);
      PendingPublication kv = peer.media.kv(replyTo);
      kv.open();
      assertTrue(peer.await(() -> kv.get() != null));
      ControlWriter writer = new ControlWriter();
      int streamSession = Objects.requireNonNull(kv.get()).sessionId();
      var acceptance = new ControlWriter.Acceptance(config.leaseNs(), 7, streamSession);
      int reply = writer.helloReply(caller.nonce(), acceptance, identity);
      assertTrue(peer.await(() -> control.offer(writer.buffer(), reply)));
      int renewal = writer.leaseRenewal(1, 1, 1);
      assertTrue(peer.await(() -> control.offer(writer.buffer(), renewal)));
      assertTrue(peer.await(connecting::isDone));
      try (PrefillPeer known = connecting.get(5, TimeUnit.SECONDS)) {
        PrefillOrder order = Nodes.order(1, 2000, 0, 5, 10);
        PrefillOrder other = Nodes.order(2, 100, 0, 5, 10);
        PatternKv store = new PatternKv(Nodes.SMALL, 2000);
        AtomicBoolean held = new AtomicBoolean();
        // Nothing is credited anew while the first slice is held: the rest comes in one go.
        KvSink sink =
            (layer, state, firstToken, tokens, src, offset, digest) -> {
              if (held.compareAndSet(false, true)) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(500));
              }
              return store.importSlice(layer, state, firstToken, tokens, src, offset, digest);
            };
        try (KvReceiver greedy = known.order(order, sink);
            KvReceiver modest = known.order(other, new PatternKv(Nodes.SMALL, 100))) {
          KvMessages messages = new KvMessages(identity, order);
          int first = 0;
          while (greedy.state() != KvReceiver.State.FAILED && first < 1950) {
            int length = messages.slice(0, first, 50);
            assertTrue(peer.await(() -> kv.offer(messages.buffer, length)));
            first += 50;
          }
          assertTrue(peer.await(() -> greedy.state() == KvReceiver.State.FAILED));
          assertTrue(
              String.valueOf(greedy.failure()).contains("sent more than it was credited: 65536"),
              greedy::failure);
          assertTrue(greedy.report().kvBytes() <= 1 << 16);
          assertEquals(KvReceiver.State.ORDERED, modest.state());
          assertTrue(known.isAlive());
          assertTrue(peer.await(() -> peer.heard.contains(AbortDecoder.TEMPLATE_ID)));
        }
      }
    }
  }
}
