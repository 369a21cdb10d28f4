package dev.baton.kvstream.link;

import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.media.ControlTerm;
import dev.baton.kvstream.media.EmbeddedMedia;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.media.LocalSecret;
import dev.baton.kvstream.media.OffloadReport;
import dev.baton.kvstream.media.StreamTransport;
import dev.baton.kvstream.media.StreamTrust;
import dev.baton.kvstream.seal.CipherWarmUp;
import dev.baton.kvstream.seal.LinkSecrets;
import dev.baton.thread.ThreadEnd;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A node's end of the wire: its media driver, the endpoint others reach it by, and one thread that
 * does everything. Any thread may use it; one process may have several.
 */
public final class StreamNode implements AutoCloseable {
  private static final Duration CLOSE_LIMIT = Duration.ofMillis(750);
  private static final Duration FOR_EVER = Duration.ofDays(36_500);
  private static final System.Logger LOG = System.getLogger("dev.baton.kvstream");

  /** What Agrona needs of the JVM. */
  private static final String FLAG = "--add-exports java.base/jdk.internal.misc=ALL-UNNAMED";

  private static final String NEEDS_KEY =
      " is not on this machine, and streams between machines need a cluster key: make one with"
          + " 'baton key --out cluster.key', copy it to each, and set "
          + ClusterKey.FILE_VARIABLE;

  private final StreamConfig config;
  private final NodeIdentity identity;
  private final EmbeddedMedia media;
  private final StreamAgent agent;
  private final Thread thread;
  private final AtomicBoolean closed = new AtomicBoolean();

  private StreamNode(
      StreamConfig config, NodeIdentity identity, EmbeddedMedia media, StreamAgent agent) {
    this.config = config;
    this.identity = identity;
    this.media = media;
    this.agent = agent;
    this.thread = StreamTransport.daemon(agent);
    thread.setName("baton-stream");
    thread.setUncaughtExceptionHandler((ended, error) -> media.note(error));
  }

  /**
   * Starts a node's stream.
   *
   * @param service takes the orders of decode nodes; null for a node that does not prefill
   * @throws StreamException when the JVM lacks a flag, the port is in use, or the address is not
   *     allowed
   */
  public static StreamNode launch(
      StreamConfig config, NodeIdentity identity, @Nullable PrefillService service) {
    requireFlag();
    Endpoint listen = Endpoint.parse(config.listen() == null ? "127.0.0.1:0" : config.listen());
    requireKey(config, listen);
    // Here and not when a peer is told: looking it up may take long, and nobody else shall wait.
    String told = config.advertise();
    Endpoint advertised = told == null ? null : Endpoint.parse(told);
    if (config.clusterKey() != null) {
      CipherWarmUp.begin();
    }
    EmbeddedMedia media =
        EmbeddedMedia.launch(
            config,
            ControlTerm.of(config, identity.contextTokens()),
            listen,
            trust(config),
            service == null ? nobody -> {} : StreamNode::tellOfStrangers);
    try {
      StreamAgent agent = new StreamAgent(identity, config, advertised, service, media);
      media.open(listen, agent::onControlImage, agent::onKvImage, agent::onImageGone);
      StreamNode node = new StreamNode(config, identity, media, agent);
      node.thread.start();
      return node;
    } catch (RuntimeException | Error e) {
      media.close();
      throw e;
    }
  }

  /**
   * The settings for a node that has to be reached by the one at {@code hostPort}: where nothing
   * was said, and there is a key, it listens at the address that leads there.
   *
   * @throws StreamException when there is no such host, or no way to it
   */
  public static StreamConfig reachedFrom(StreamConfig config, String hostPort) {
    if (config.listen() != null || config.clusterKey() == null) {
      return config;
    }
    Endpoint peer = Endpoint.parse(hostPort);
    return peer.isLoopback()
        ? config
        : config.withListen(Endpoint.anyTo(peer).asSeenFrom(peer).toString());
  }

  /** What shows that a stream's sender is no stranger. */
  static StreamTrust trust(StreamConfig config) {
    ClusterKey key = config.clusterKey();
    return new StreamTrust(
        key == null
            ? LocalSecret.get(StreamTrust.SECRET_BYTES)
            : LinkSecrets.admission(key, StreamTrust.SECRET_BYTES));
  }

  private static void requireKey(StreamConfig config, Endpoint endpoint) {
    if (config.clusterKey() == null && !endpoint.isLoopback()) {
      throw new StreamException(endpoint + NEEDS_KEY);
    }
  }

  private boolean isLoopback() {
    return Endpoint.parseLiteral(endpoint()).isLoopback();
  }

  private static void requireFlag() {
    if (!Object.class.getModule().isExported("jdk.internal.misc", StreamNode.class.getModule())) {
      throw new StreamException(
          "Baton's stream needs a JVM flag that is missing: add " + FLAG + " to the java command");
    }
  }

  /** How datagrams leave and arrive here, and why so; it may change while the node lives. */
  public OffloadReport offload() {
    return media.offload();
  }

  /** Where other nodes reach this one, {@code address:port}. */
  public String endpoint() {
    return media.endpoint();
  }

  /**
   * Gets to know a prefill node; waits for its answer. A name with several addresses is greeted at
   * all of them, and the first that answers is the one.
   *
   * @throws StreamException when nobody answers there in time, or the two cannot work together
   */
  public PrefillPeer connect(String hostPort) {
    List<Endpoint> endpoints = Endpoint.parseAll(hostPort);
    List<Endpoint> usable = endpoints.stream().filter(this::mayConnect).toList();
    if (usable.isEmpty()) {
      throw whyNot(endpoints.getFirst());
    }
    List<DecodeSideLink> links = new ArrayList<>();
    agent.call(() -> usable.forEach(endpoint -> links.add(agent.connect(endpoint))));
    if (links.isEmpty()) {
      String failure = agent.failure();
      throw new StreamException(failure == null ? "this node's stream is closed" : failure);
    }
    DecodeSideLink first = firstOpened(links);
    for (DecodeSideLink other : links) {
      if (other != first) {
        agent.post(() -> other.end("another address of this node answered first"));
      }
    }
    return new PrefillPeer(agent, first, identity, first.opened().join(), config);
  }

  private boolean mayConnect(Endpoint endpoint) {
    return endpoint.isOneNode()
        && (endpoint.isLoopback()
            || (config.clusterKey() != null && (config.advertise() != null || !isLoopback())));
  }

  private StreamException whyNot(Endpoint endpoint) {
    if (!endpoint.isOneNode()) {
      return new StreamException(endpoint + " is no one node's: give the address and port of one");
    }
    return config.clusterKey() == null
        ? new StreamException(endpoint + NEEDS_KEY)
        : new StreamException(
            endpoint
                + " cannot answer to "
                + endpoint()
                + ": choose where it reaches this node with --listen");
  }

  /** Waits for the first to be open; where none will be, throws what the first one says. */
  private DecodeSideLink firstOpened(List<DecodeSideLink> links) {
    CompletableFuture<DecodeSideLink> opened = new CompletableFuture<>();
    AtomicInteger left = new AtomicInteger(links.size());
    for (DecodeSideLink link : links) {
      var _ =
          link.opened()
              .whenComplete((identity, failure) -> {
                if (failure == null) {
                  opened.complete(link);
                } else if (left.decrementAndGet() == 0) {
                  opened.completeExceptionally(failure);
                }
              });
    }
    DecodeSideLink named = links.getFirst();
    try {
      return opened.get(config.handshakeTimeoutNs() + config.leaseNs(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof StreamException known
          ? known
          : new StreamException("no connection to " + named.label() + ": " + e.getCause(), e);
    } catch (TimeoutException e) {
      endAll(links, "the handshake took too long");
      throw StreamException.noAnswer("no answer from " + named.label(), e);
    } catch (InterruptedException e) {
      endAll(links, "the connection is not wanted any more");
      Thread.currentThread().interrupt();
      throw new StreamException("interrupted while connecting to " + named.label(), e);
    }
  }

  private void endAll(List<DecodeSideLink> links, String reason) {
    agent.post(() -> links.forEach(link -> link.end(reason)));
  }

  /** The thread that reads and writes the sessions' KV. */
  public Thread thread() {
    return thread;
  }

  /**
   * Has {@code action} told why, once, should the stream end by itself: by an error, or by {@link
   * #fail}. The sessions have failed then, and the peers have been told. On the stream's thread.
   */
  public void onFailure(Consumer<String> action) {
    agent.onFailure(action);
  }

  /** Why the stream has ended by itself, one line, or null. */
  public @Nullable String failure() {
    return agent.failure();
  }

  /** Ends all sessions with the reason and tells it to the peers; nothing is taken any more. */
  public void fail(String reason) {
    agent.fail(reason);
  }

  /** Who serves nobody has no operator, and is told by its own calls what goes wrong. */
  private static void tellOfStrangers(String line) {
    LOG.log(System.Logger.Level.WARNING, line);
  }

  /**
   * Ends all sessions, tells the peers, and frees thread, sockets and files. Where the thread does
   * not come back from a sink or a service in time, it is left behind with them, and frees them
   * when it does. Twice is fine.
   */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    agent.end();
    if (Thread.currentThread() != thread && ThreadEnd.await(thread, CLOSE_LIMIT)) {
      media.close();
      return;
    }
    LOG.log(
        System.Logger.Level.WARNING,
        "a stream's thread does not end; it is left behind with its files");
    Thread.ofPlatform()
        .daemon()
        .name("baton-stream-end")
        .start(() -> {
          if (ThreadEnd.await(thread, FOR_EVER)) {
            media.close();
          }
        });
  }
}
