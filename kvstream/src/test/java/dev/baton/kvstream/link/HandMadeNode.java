package dev.baton.kvstream.link;

import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.codec.HelloDecoder;
import dev.baton.kvstream.codec.HelloReplyDecoder;
import dev.baton.kvstream.media.ControlTerm;
import dev.baton.kvstream.media.EmbeddedMedia;
import dev.baton.kvstream.media.Endpoint;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** A node played by the test: its media, the handshakes that arrive, and what else was heard. */
final class HandMadeNode implements AutoCloseable {
  final EmbeddedMedia media;
  private final List<InboundStream> streams = new ArrayList<>();
  final Set<Integer> heard = new HashSet<>();
  Handshake.@Nullable Reply reply;
  Handshake.@Nullable Caller caller;

  HandMadeNode() {
    this("127.0.0.1:0");
  }

  HandMadeNode(String hostPort) {
    StreamConfig config = StreamConfig.builder().build();
    Endpoint listen = Endpoint.parse(hostPort);
    media =
        EmbeddedMedia.launch(
            config, new ControlTerm(1 << 20), listen, StreamNode.trust(config), line -> {});
    Inbound.Receiver receiver =
        (from, frame, buffer, nowNs) -> {
          heard.add(frame.templateId());
          if (frame.templateId() == HelloReplyDecoder.TEMPLATE_ID) {
            reply = Handshake.readReply(frame, buffer, new HelloReplyDecoder(), Nodes.node());
          } else if (frame.templateId() == HelloDecoder.TEMPLATE_ID) {
            caller = Handshake.readCaller(frame, buffer, new HelloDecoder());
          }
        };
    media.open(
        listen,
        image ->
            streams.add(
                new InboundStream(
                    image, new Inbound(image.sessionId(), receiver, config.clock()), 0)),
        image -> {},
        image -> {});
  }

  boolean await(BooleanSupplier condition) {
    return await(condition, 5000);
  }

  boolean await(BooleanSupplier condition, long limitMs) {
    return Nodes.await(
        () -> {
          media.doWork();
          streams.forEach(InboundStream::poll);
          return condition.getAsBoolean();
        },
        limitMs);
  }

  @Override
  public void close() {
    media.close();
  }
}
