package dev.baton.cluster;

import dev.baton.kvstream.PrefillPeer;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.StreamNode;
import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A decode node's way to its prefill node: one at a given endpoint, or a child process of its own.
 * Connects when first asked, and again (with a new child where it was one) when asked after the
 * node was lost. Any thread.
 */
public final class PrefillLink implements AutoCloseable {
  private static final Duration CHILD_START_TIMEOUT = Duration.ofMinutes(5);
  private static final Duration RETRY_AFTER = Duration.ofSeconds(10);

  private final @Nullable String endpoint;
  private final StreamConfig config;
  private final Supplier<ChildNode> starter;
  private @Nullable ChildNode child;
  private @Nullable StreamNode stream;
  private @Nullable PrefillPeer peer;
  private boolean closed;
  private @Nullable String failure;
  private long failedNs;

  /**
   * @param endpoint HOST:PORT of the node, or null to start one
   * @param config how this node's own end is set up
   * @param starter starts a child node
   */
  public PrefillLink(@Nullable String endpoint, StreamConfig config, Supplier<ChildNode> starter) {
    this.endpoint = endpoint;
    this.config = config;
    this.starter = starter;
  }

  /**
   * Starts the child, where there is to be one, so that it loads its model while this process loads
   * its own.
   */
  public synchronized void warmUp() {
    if (endpoint == null && child == null) {
      child = starter.get();
    }
  }

  /**
   * The prefill node, connected. After a failure the next few seconds' calls fail at once, so that
   * requests do not queue up behind a node that is gone.
   *
   * @param compute what this node computes with
   * @throws StreamException when the node cannot be reached or will not work with this one
   * @throws ClusterException when a child cannot be started
   */
  public synchronized PrefillPeer peer(NodeCompute compute) {
    if (closed) {
      throw new ClusterException("the engine is closed");
    }
    PrefillPeer known = peer;
    if (known != null && known.isAlive()) {
      return known;
    }
    if (known != null) {
      known.close();
      peer = null;
    }
    String recent = failure;
    if (recent != null && System.nanoTime() - failedNs < RETRY_AFTER.toNanos()) {
      throw new ClusterException(recent);
    }
    try {
      PrefillPeer connected = connect(compute);
      failure = null;
      return connected;
    } catch (StreamException | ClusterException e) {
      failure = e.getMessage();
      failedNs = System.nanoTime();
      throw e;
    }
  }

  private PrefillPeer connect(NodeCompute compute) {
    String target = endpoint != null ? endpoint : liveChild().awaitEndpoint(CHILD_START_TIMEOUT);
    StreamNode node = stream;
    if (node == null) {
      String name =
          "decode node pid " + ProcessHandle.current().pid() + " (" + compute.description() + ")";
      node = StreamNode.launch(config, compute.identity(name), null);
      stream = node;
    }
    PrefillPeer connected = node.connect(target);
    peer = connected;
    ChildNode own = child;
    if (own != null) {
      own.onExit(() -> connected.markLost("the prefill node's process ended"));
    }
    return connected;
  }

  private ChildNode liveChild() {
    ChildNode own = child;
    if (own != null && !own.isAlive() && peer == null && stream != null) {
      own.close();
      own = null;
    }
    if (own == null) {
      own = starter.get();
      child = own;
    }
    return own;
  }

  /** Process id of the child node, when there is one. */
  public synchronized @Nullable Long childPid() {
    return child == null ? null : child.pid();
  }

  /** Disconnects and ends the child. Twice is fine. */
  @Override
  public synchronized void close() {
    closed = true;
    if (peer != null) {
      peer.close();
      peer = null;
    }
    if (stream != null) {
      stream.close();
      stream = null;
    }
    if (child != null) {
      child.close();
      child = null;
    }
  }
}
