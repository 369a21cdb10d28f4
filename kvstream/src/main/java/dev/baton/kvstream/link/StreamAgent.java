package dev.baton.kvstream.link;

import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.codec.HelloDecoder;
import dev.baton.kvstream.codec.HelloReplyDecoder;
import dev.baton.kvstream.media.EmbeddedMedia;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.media.OffloadReport;
import dev.baton.kvstream.media.StrangerLog;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Frame;
import io.aeron.Image;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.IdleStrategy;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * Everything a node's stream does, on one thread: polls what other nodes send, keeps the links,
 * pumps the senders. Other threads ask it by {@link #post} and {@link #call}.
 *
 * <p>An exception ends the session or the link that it concerns. An {@link Error} ends all links
 * with the reason, and the thread: nothing is asked of it then in vain.
 */
final class StreamAgent implements Runnable {
  private static final long DRAIN_LIMIT_NS = 100_000_000L;

  private static final long STRANGERS_NS = TimeUnit.SECONDS.toNanos(1);

  /** No turn takes so long unless the process was stopped or starved. */
  private static final long SLEEP_NS = 100_000_000L;

  /**
   * What is caught here when the heap is full, looked up before: a handler whose class has to be
   * looked up then is passed over. Each class looks up its own, so others' lists do not help.
   */
  static final List<Class<?>> CAUGHT =
      List.of(
          Throwable.class,
          Error.class,
          Exception.class,
          RuntimeException.class,
          OutOfMemoryError.class);

  private static final String FAILED = "this node's stream failed: ";

  /** No constant of the language: those are made when they are first used, which takes memory. */
  private static final String OUT_OF_MEMORY =
      String.valueOf("this node's stream failed: out of memory");

  private static final int ATTEMPTS = 50;

  /** What links know of the node they belong to. */
  record Self(NodeIdentity identity, StreamConfig config, Runnable wake) {}

  private final Self self;
  private final @Nullable Endpoint advertised;
  private final EmbeddedMedia media;
  private final NanoClock clock;
  private final SecureRandom random = new SecureRandom();
  private final ControlWriter writer = new ControlWriter();
  private final HelloReplyDecoder helloReply = new HelloReplyDecoder();
  private final List<InboundStream> inbounds = new ArrayList<>();
  private final List<Link> links = new ArrayList<>();
  private final HelloHandler greetings;
  private final CommandQueue commands = new CommandQueue();
  private volatile boolean closing;
  private volatile @Nullable String failure;
  private final AtomicReference<@Nullable Consumer<String>> onFailure = new AtomicReference<>();
  private final long strangerLimitNs;
  private long turnedNs;
  private long strangersNs;
  private volatile @Nullable Thread thread;

  /**
   * @param advertised where peers are told to send; null for where this node listens
   * @param service takes orders; null for a node that does not prefill
   */
  StreamAgent(
      NodeIdentity identity,
      StreamConfig config,
      @Nullable Endpoint advertised,
      @Nullable PrefillService service,
      EmbeddedMedia media) {
    this.advertised = advertised;
    this.self = new Self(identity, config, this::wake);
    this.media = media;
    this.greetings = new HelloHandler(self, service, media, writer, random, links);
    this.clock = config.clock();
    this.turnedNs = clock.nanoTime();
    this.strangerLimitNs = config.handshakeTimeoutNs() + config.leaseNs();
  }

  /** Turns until it is to end; whatever is thrown, links and waiting calls end with it. */
  @Override
  public void run() {
    thread = Thread.currentThread();
    IdleStrategy idle = media.idleStrategy();
    try {
      while (!closing && failure == null) {
        idle.idle(doWork());
      }
    } finally {
      onClose();
    }
  }

  /** Ends the idle thread's sleep. Any thread. */
  private void wake() {
    LockSupport.unpark(thread);
  }

  // Requests of other threads.

  /** How datagrams are sent and received. Any thread. */
  OffloadReport offload() {
    return media.offload();
  }

  /** Has the stream thread run this soon; false when the stream is closed. */
  boolean post(Runnable command) {
    if (!commands.add(command)) {
      return false;
    }
    wake();
    return true;
  }

  /**
   * Has the stream thread run this and returns when it is done, or at once when the stream is
   * closed.
   */
  void call(Runnable command) {
    call(command, Long.MAX_VALUE);
  }

  /** The same, returning after {@code limitNs} at the latest. */
  void call(Runnable command, long limitNs) {
    if (Thread.currentThread() == thread) {
      command.run();
      return;
    }
    CommandQueue.Call call = new CommandQueue.Call(command);
    if (post(call)) {
      call.await(limitNs);
    }
  }

  /** Begins an acquaintance with a prefill node. Stream thread. */
  DecodeSideLink connect(Endpoint endpoint) {
    DecodeSideLink link =
        new DecodeSideLink(endpoint, self.identity(), self.config(), connectorTo(endpoint));
    links.add(link);
    try {
      link.greet();
    } catch (StreamException e) {
      link.end(String.valueOf(e.getMessage())); // and so the caller is told
    }
    return link;
  }

  private PeerConnector connectorTo(Endpoint endpoint) {
    return new MediaConnector(media, endpoint, advertised, writer, random, this::forget);
  }

  // Messages.

  /** Another node began to send control messages here. Stream thread. */
  void onControlImage(Image image) {
    inbounds.add(
        new InboundStream(
            image,
            new Inbound(image.sessionId(), this::onControlMessage, clock),
            clock.nanoTime()));
  }

  /** Another node began to send KV here. Stream thread. */
  void onKvImage(Image image) {
    inbounds.add(
        new InboundStream(
            image, new Inbound(image.sessionId(), this::onKvMessage, clock), clock.nanoTime()));
  }

  void onImageGone(Image image) {
    inbounds.removeIf(inbound -> inbound.isOf(image));
    media.forgetControl(image.sessionId());
  }

  private void onControlMessage(Inbound from, Frame frame, DirectBuffer buffer, long nowNs) {
    try {
      takeControlMessage(from, frame, buffer, nowNs);
    } catch (Error e) {
      fail(told(e)); // nothing is wrong with the message
    }
  }

  private void onKvMessage(Inbound from, Frame frame, DirectBuffer buffer, long nowNs) {
    try {
      takeKvMessage(from, frame, buffer, nowNs);
    } catch (Error e) {
      fail(told(e));
    }
  }

  private void takeControlMessage(Inbound from, Frame frame, DirectBuffer buffer, long nowNs) {
    Link link = from.link();
    if (link != null) {
      link.onControl(frame, buffer, nowNs);
    } else if (frame.templateId() == HelloDecoder.TEMPLATE_ID) {
      onHello(from, frame, buffer);
    } else if (frame.templateId() == HelloReplyDecoder.TEMPLATE_ID) {
      onReply(from, frame, buffer, nowNs);
    }
    // Anything else from a stranger: a node whose lease ended, or that knew the one which was here
    // before. Its own lease
    // tells it.
  }

  private void onReply(Inbound from, Frame frame, DirectBuffer buffer, long nowNs) {
    long nonce = Handshake.readReply(frame, buffer, helloReply, self.identity()).nonce();
    for (Link link : links) {
      if (link instanceof DecodeSideLink prefill && prefill.awaitsReply(nonce)) {
        from.bind(link);
        link.onControl(frame, buffer, nowNs);
        Integer kv = prefill.namedKv();
        if (kv != null) {
          media.awaitKv(kv);
        }
        return;
      }
    }
  }

  private void onHello(Inbound from, Frame frame, DirectBuffer buffer) {
    Endpoint source = source(from);
    PrefillSideLink link = source == null ? null : greetings.answer(source, frame, buffer);
    if (link != null) {
      links.add(link);
      from.bind(link);
    }
  }

  private @Nullable Endpoint source(Inbound from) {
    for (InboundStream inbound : inbounds) {
      if (inbound.carries(from)) {
        return inbound.source();
      }
    }
    return null;
  }

  private void takeKvMessage(Inbound from, Frame frame, DirectBuffer buffer, long nowNs) {
    if (from.link() == null) {
      for (Link link : links) {
        if (link instanceof DecodeSideLink prefill && prefill.isKvStream(from.streamSession())) {
          from.bind(link);
        }
      }
    }
    if (from.link() instanceof DecodeSideLink prefill) {
      prefill.onKv(frame, buffer, nowNs);
    }
  }

  // The turn.

  private int doWork() {
    int work = 0;
    try {
      work = turn();
    } catch (Exception e) {
      media.note(e); // the next turn may be better
    } catch (Error e) {
      fail(told(e));
    } finally {
      boolean _ = Thread.interrupted(); // a sink's or a service's doing: no sleep would be one
    }
    return work;
  }

  private static String told(Error e) {
    try {
      return FAILED.concat(e.toString());
    } catch (Error _) {
      return OUT_OF_MEMORY;
    }
  }

  /** Ends all links with the reason, and the thread, soon. Any thread. */
  void fail(String reason) {
    if (failure == null) {
      failure = reason;
    }
    wake();
  }

  /** Why the stream ended by itself, one line, or null. Any thread. */
  @Nullable String failure() {
    return failure;
  }

  /** Has {@code action} told why, once, when the stream has ended by itself. */
  void onFailure(Consumer<String> action) {
    onFailure.set(action);
    if (commands.isShut()) {
      tellFailure();
    }
  }

  private void tellFailure() {
    String why = failure;
    Consumer<String> told = why == null ? null : onFailure.getAndSet(null);
    if (why != null && told != null) {
      told.accept(why);
    }
  }

  /** Ends all links, and the thread, soon. Any thread. */
  void end() {
    closing = true;
    wake();
  }

  private int turn() {
    int work = media.doWork() + commands.runAll();
    for (int i = 0; i < inbounds.size(); i++) {
      work += inbounds.get(i).poll();
      if (inbounds.get(i).isNewlyProven()) {
        media.knowsControl(inbounds.get(i).streamSession());
      }
    }
    long nowNs = clock.nanoTime();
    noteSleep(nowNs);
    for (int i = 0; i < inbounds.size(); i++) {
      inbounds.get(i).forgetStranger(links, nowNs, strangerLimitNs);
    }
    if (media.isClosed()) {
      fail("this node's stream broke down: " + media.trouble());
      return work;
    }
    boolean busy = false;
    for (int i = links.size() - 1; i >= 0; i--) {
      Link link = links.get(i);
      work += doWork(link, nowNs);
      busy |= link.isBusy();
      if (link.isOver()) {
        noteEnd(link);
        forget(link);
        links.remove(i);
      }
    }
    media.busy(busy);
    if (nowNs - strangersNs > STRANGERS_NS) {
      strangersNs = nowNs;
      media.strangers().sayWhatIsDue();
    }
    return work;
  }

  private void noteEnd(Link link) {
    Endpoint source =
        link instanceof PrefillSideLink decode && decode.wasDoubted() ? decode.source() : null;
    if (source != null) {
      media.strangers().note(StrangerLog.Kind.OTHER_KEY, source.socketAddress());
    }
  }

  /** Nothing of the link's streams is heard any more. */
  private void forget(Link link) {
    Integer kv = link instanceof DecodeSideLink prefill ? prefill.namedKv() : null;
    if (kv != null) {
      media.forgetKv(kv);
    }
    for (int i = 0; i < inbounds.size(); i++) {
      inbounds.get(i).forget(link);
    }
  }

  /** After a long turn, a stopped process above all, what peers said meanwhile is still to come. */
  private void noteSleep(long nowNs) {
    long turnNs = nowNs - turnedNs;
    turnedNs = nowNs;
    if (turnNs > SLEEP_NS) {
      for (int i = 0; i < links.size(); i++) {
        links.get(i).slept(turnNs);
      }
    }
  }

  private int doWork(Link link, long nowNs) {
    try {
      return link.doWork(nowNs);
    } catch (Exception e) {
      link.end(FAILED + e);
      return 1;
    }
  }

  private void onClose() {
    if (!closing && failure == null) {
      failure = OUT_OF_MEMORY; // nothing else is thrown past its handlers
    }
    String why = failure;
    endLinks(why == null ? "the node was closed" : why);
    try {
      long deadlineNs = System.nanoTime() + DRAIN_LIMIT_NS;
      while (!isDrained() && deadlineNs - System.nanoTime() > 0) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
      }
    } finally {
      links.clear();
      inbounds.clear();
      tellFailure();
    }
  }

  /** Every link and every command that waits, whatever one of them throws. */
  private void endLinks(String reason) {
    commands.shut();
    for (int i = 0; i < ATTEMPTS; i++) {
      try {
        commands.runAll();
        for (int n = 0; n < links.size(); n++) {
          links.get(n).end(reason);
        }
        return;
      } catch (Throwable _) {
        // The heap may be full for the moment; a link ends at the second try, whatever the first
        // threw.
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
      }
    }
  }

  private boolean isDrained() {
    for (Link link : links) {
      if (!link.isDrained()) {
        return false;
      }
    }
    return true;
  }
}
