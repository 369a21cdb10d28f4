package dev.baton.kvstream;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.agrona.concurrent.AgentRunner;
import org.jspecify.annotations.Nullable;

/**
 * A node's end of the wire: its media driver, the endpoint others reach it by, and one thread that
 * does everything. Any thread may use it; one process may have several.
 */
public final class StreamNode implements AutoCloseable {
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
  private final AgentRunner runner;
  private final AtomicBoolean closed = new AtomicBoolean();

  private StreamNode(
      StreamConfig config, NodeIdentity identity, EmbeddedMedia media, StreamAgent agent) {
    this.config = config;
    this.identity = identity;
    this.media = media;
    this.agent = agent;
    this.runner = new AgentRunner(media.idleStrategy(), media::note, null, agent);
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
    if (config.clusterKey() != null) {
      CipherWarmUp.begin();
    }
    EmbeddedMedia media =
        EmbeddedMedia.launch(config, config.controlTermBytes(identity.contextTokens()), listen);
    try {
      StreamAgent agent = new StreamAgent(identity, config, service, media);
      media.open(listen, agent::onControlImage, agent::onKvImage, agent::onImageGone);
      StreamNode node = new StreamNode(config, identity, media, agent);
      AgentRunner.startOnThread(node.runner, StreamTransport::daemon);
      return node;
    } catch (RuntimeException e) {
      media.close();
      throw e;
    }
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

  /** Where other nodes reach this one, {@code address:port}. */
  public String endpoint() {
    return media.endpoint();
  }

  /**
   * Gets to know a prefill node; waits for its answer.
   *
   * @throws StreamException when nobody answers there in time, or the two cannot work together
   */
  public PrefillPeer connect(String hostPort) {
    Endpoint endpoint = Endpoint.parse(hostPort);
    requireKey(config, endpoint);
    if (!endpoint.isLoopback() && config.advertise() == null && isLoopback()) {
      throw new StreamException(
          endpoint
              + " cannot answer to "
              + endpoint()
              + ": choose where it reaches this node with --listen");
    }
    PrefillLink[] made = new PrefillLink[1];
    agent.call(() -> made[0] = agent.connect(endpoint));
    PrefillLink link = made[0];
    if (link == null) {
      throw new StreamException("this node's stream is closed");
    }
    return new PrefillPeer(agent, link, identity, opened(link), config);
  }

  private NodeIdentity opened(PrefillLink link) {
    try {
      return link.opened()
          .get(config.handshakeTimeoutNs() + config.leaseNs(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof StreamException known
          ? known
          : new StreamException("no connection to " + link.label() + ": " + e.getCause(), e);
    } catch (TimeoutException e) {
      agent.post(() -> link.end("the handshake took too long"));
      throw new StreamException("no answer from " + link.label(), e);
    } catch (InterruptedException e) {
      agent.post(() -> link.end("the connection is not wanted any more"));
      Thread.currentThread().interrupt();
      throw new StreamException("interrupted while connecting to " + link.label(), e);
    }
  }

  /** Ends all sessions, tells the peers, and frees thread, sockets and files. Twice is fine. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      runner.close();
      media.close();
    }
  }
}
