package dev.baton.kvstream.link;

import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.codec.HelloDecoder;
import dev.baton.kvstream.codec.KvSliceDecoder;
import dev.baton.kvstream.codec.LayerDigestDecoder;
import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.codec.PrefillDoneDecoder;
import dev.baton.kvstream.media.ControlChannel;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.seal.LinkSecrets;
import dev.baton.kvstream.session.ReceiveSession;
import dev.baton.kvstream.session.SimulatedKv;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Two nodes' links on a wire in memory, by a clock that the simulation moves: real links and
 * sessions, simulated streams. Messages of a control stream come in order or, once the wire was
 * cut, never; those of a KV stream may be spoiled and overtake each other, but for the last one, so
 * that rows come twice where they are asked for again. Nodes stop, and go on. All of it follows
 * from one seed.
 */
final class SimulatedPair {
  static final long MS = TimeUnit.MILLISECONDS.toNanos(1);
  static final long LEASE_NS = 4000 * MS;
  private static final int KV_SESSION = 44;

  /** A message on its way. */
  private record Delivery(long atNs, long number, Runnable action) {}

  final SplittableRandom random;
  private final NodeIdentity node;
  private final StreamConfig config;
  private final PriorityQueue<Delivery> wire =
      new PriorityQueue<>(Comparator.comparingLong(Delivery::atNs).thenComparing(Delivery::number));
  private final Deque<UnsafeBuffer> pool = new ArrayDeque<>();
  private final List<PrefillSideLink> serving = new ArrayList<>();
  private final PrefillService service;
  private final int unitsPerMessage;
  private final int faultsPerMille;
  private long numbers;
  long nowNs = 1_000_000_000L;
  private long downUntilNs;
  private long prefillStoppedUntilNs;
  private long decodeStoppedUntilNs;
  private long prefillSleptNs;
  private long decodeSleptNs;
  private int epoch;
  private long linkIds = 100;
  final DecodeSideLink decode;

  /**
   * @param service takes the orders
   * @param rowsBytes of boundary rows that each side keeps
   * @param faultsPerMille of KV messages that are spoiled, doubled or late
   */
  SimulatedPair(
      SplittableRandom random,
      NodeIdentity node,
      PrefillService service,
      long rowsBytes,
      int faultsPerMille) {
    this.random = random;
    this.node = node;
    this.service = service;
    this.faultsPerMille = faultsPerMille;
    this.unitsPerMessage = 1 + random.nextInt(8);
    this.config =
        StreamConfig.builder().leaseNs(LEASE_NS).rowsBytes(rowsBytes).clock(() -> nowNs).build();
    this.decode =
        new DecodeSideLink(Endpoint.parseLiteral("127.0.0.1:7001"), node, config, new DecodeLine());
    decode.greet();
  }

  // The wire.

  private boolean isDown() {
    return nowNs < downUntilNs;
  }

  /** Nothing that is on its way arrives, nothing leaves for so long, and old streams are dead. */
  void cut(long forNs) {
    epoch++;
    downUntilNs = Math.max(downUntilNs, nowNs + forNs);
  }

  void stopPrefill(long forNs) {
    prefillStoppedUntilNs = nowNs + forNs;
    prefillSleptNs = forNs;
  }

  void stopDecode(long forNs) {
    decodeStoppedUntilNs = nowNs + forNs;
    decodeSleptNs = forNs;
  }

  private void later(long atNs, Runnable action) {
    wire.add(new Delivery(atNs, numbers++, action));
  }

  private UnsafeBuffer copy(DirectBuffer message, int length) {
    UnsafeBuffer copy = pool.poll();
    if (copy == null) {
      copy = new UnsafeBuffer(ByteBuffer.allocateDirect(1 << 16));
    }
    copy.putBytes(0, message, 0, length);
    return copy;
  }

  private long latencyNs() {
    return MS / 10 + random.nextLong(3 * MS);
  }

  /** One direction of a stream: in order, until its wire is cut. */
  private final class Channel implements ControlChannel {
    private final Inbound to;
    private final int born = epoch;
    private long lastNs;
    private boolean closed;

    Channel(Inbound to) {
      this.to = to;
    }

    @Override
    public boolean offer(DirectBuffer message, int length) {
      if (born != epoch) {
        return true; // it takes it, and that is all that it does
      }
      if (closed || isDown()) {
        return false;
      }
      UnsafeBuffer copy = copy(message, length);
      lastNs = Math.max(lastNs, nowNs + latencyNs());
      later(
          lastNs,
          () -> {
            if (born == epoch) {
              to.onMessage(copy, 0, length);
            }
            pool.add(copy);
          });
      return true;
    }

    @Override
    public @Nullable String failure() {
      return null;
    }

    @Override
    public boolean isDrained() {
      return true;
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  private final class KvWire implements SimulatedKv.Wire {
    private final Inbound to;
    private final int born = epoch;
    private long lastNs;
    private long latestNs;

    KvWire(Inbound to) {
      this.to = to;
    }

    @Override
    public boolean mayTake() {
      return born != epoch || (!isDown() && random.nextInt(8) > 0);
    }

    @Override
    public void take(UnsafeBuffer message, int length) {
      if (born != epoch) {
        return;
      }
      boolean fault = random.nextInt(1000) < faultsPerMille;
      int kind = fault ? random.nextInt(3) : -1;
      int template = new MessageHeaderDecoder().wrap(message, 0).templateId();
      send(message, length, kind == 0, kind == 1);
      if (kind == 2 && template == LayerDigestDecoder.TEMPLATE_ID) {
        send(message, length, false, true);
      }
    }

    private void send(UnsafeBuffer message, int length, boolean spoiled, boolean late) {
      UnsafeBuffer copy = copy(message, length);
      int template = new MessageHeaderDecoder().wrap(copy, 0).templateId();
      int payload = MessageHeaderDecoder.ENCODED_LENGTH + KvSliceDecoder.BLOCK_LENGTH;
      if (spoiled && template == KvSliceDecoder.TEMPLATE_ID && length > payload) {
        int at = payload + random.nextInt(length - payload);
        copy.putByte(at, (byte) (copy.getByte(at) ^ 8));
      }
      boolean last = template == PrefillDoneDecoder.TEMPLATE_ID;
      long atNs = Math.max(last ? latestNs : lastNs, nowNs + latencyNs());
      if (late && !last) {
        atNs += random.nextLong(20 * MS);
      } else {
        lastNs = atNs;
      }
      latestNs = Math.max(latestNs, atNs);
      later(
          atNs,
          () -> {
            if (born == epoch) {
              to.onMessage(copy, 0, length);
            }
            pool.add(copy);
          });
    }
  }

  // The two nodes.

  private final class DecodeLine implements PeerConnector {
    private final ControlWriter writer = new ControlWriter();
    private @Nullable Inbound heard;

    @Override
    public LinkControl open() {
      Inbound to = new Inbound(1, SimulatedPair.this::onPrefill, () -> nowNs);
      heard = null;
      return new LinkControl(new Channel(to), writer);
    }

    @Override
    public long nonce() {
      return ++numbers;
    }

    @Override
    public byte[] random() {
      return new byte[LinkSecrets.NONCE_BYTES];
    }

    @Override
    public String replyTo() {
      return "127.0.0.1:9999";
    }

    @Override
    public String doubt() {
      return "is it running?";
    }

    @Override
    public void forget(Link link) {
      if (heard != null) {
        heard.forget();
      }
    }
  }

  /** What the agent does with control messages at the prefill node. */
  private void onPrefill(Inbound from, Frame frame, DirectBuffer buffer, long ns) {
    Link link = from.link();
    if (link != null) {
      link.onControl(frame, buffer, ns);
    } else if (frame.templateId() == HelloDecoder.TEMPLATE_ID) {
      HelloDecoder hello = new HelloDecoder();
      Handshake.Caller caller = Handshake.readCaller(frame, buffer, hello);
      Handshake.Introduction introduction = Handshake.readIntroduction(hello, node);
      Inbound control = new Inbound(2, (_, f, b, at) -> decode.onControl(f, b, at), () -> nowNs);
      control.bind(decode);
      Inbound kv = new Inbound(KV_SESSION, (_, f, b, at) -> decode.onKv(f, b, at), () -> nowNs);
      kv.bind(decode);
      StreamAgent.Self self = new StreamAgent.Self(node, config, () -> {});
      PrefillSideLink answering =
          PrefillSideLink.accepting(
              caller,
              linkIds++,
              introduction.leaseNs(),
              self,
              service,
              new LinkControl(new Channel(control), new ControlWriter()),
              new SimulatedKv(KV_SESSION, unitsPerMessage, new KvWire(kv)));
      for (PrefillSideLink earlier : serving) {
        if (earlier.linkId() == introduction.resumes()) {
          answering.takeOver(earlier, nowNs);
        }
      }
      serving.add(answering);
      from.bind(answering);
    }
  }

  /** Orders, as a peer does. */
  ReceiveSession order(PrefillOrder order, KvSink sink, long creditBytes) {
    ReceiveSession session =
        new ReceiveSession(
            order,
            sink,
            node.states(),
            new ReceiveSession.Windows(creditBytes, config.rowsBytes()),
            "the peer",
            decode::cancel);
    decode.order(session);
    return session;
  }

  /** Some time passes: what is due arrives, and both nodes have their turn. */
  void step(long ns, Consumer<SimulatedPair> prefillComputes, Consumer<SimulatedPair> decodeDoes) {
    nowNs += ns;
    boolean prefillRuns = nowNs >= prefillStoppedUntilNs;
    boolean decodeRuns = nowNs >= decodeStoppedUntilNs;
    if (prefillRuns && decodeRuns) {
      while (!wire.isEmpty() && wire.peek().atNs <= nowNs) {
        wire.poll().action.run();
      }
    }
    if (prefillRuns) {
      if (prefillSleptNs > 0) {
        serving.forEach(link -> link.slept(prefillSleptNs));
        prefillSleptNs = 0;
      }
      prefillComputes.accept(this);
      for (PrefillSideLink link : serving) {
        link.doWork(nowNs);
      }
      serving.removeIf(PrefillSideLink::isOver);
    }
    if (decodeRuns) {
      if (decodeSleptNs > 0) {
        decode.slept(decodeSleptNs);
        decodeSleptNs = 0;
      }
      decode.doWork(nowNs);
      decodeDoes.accept(this);
    }
  }

  /** True when the prefill node serves nobody any more. */
  boolean isPrefillIdle() {
    return serving.isEmpty();
  }
}
