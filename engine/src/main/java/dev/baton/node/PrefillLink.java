package dev.baton.node;

import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.NodeLimits;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A decode node's way to its prefill node: one at a given endpoint, or a child process of its own.
 * One thread connects in the background, and again when the node was lost: after a pause that grows
 * with each attempt in vain, and a new child is only started when somebody asks for it. So a node
 * that is not there costs those who ask nothing but hearing so.
 *
 * <p>Any thread may use it, and no lock is held while it waits for anything: {@link #close} ends it
 * in any state.
 */
public final class PrefillLink implements AutoCloseable {
  private static final Duration CHILD_START_TIMEOUT = Duration.ofMinutes(5);
  private static final long FIRST_PAUSE_MS = 1_000;
  private static final long LONGEST_PAUSE_MS = 15_000;

  /** How often a connected node is looked at when nobody asks for it. */
  private static final long LOOK_MS = 500;

  /** What the thread may need to see that all is over. */
  private static final long END_MS = 500;

  private final @Nullable String endpoint;
  private final StreamConfig config;
  private final Supplier<ChildNode> starter;
  private @Nullable Thread thread; // guarded by this, as all of these
  private boolean waits; // the thread is where an interrupt does no harm
  private @Nullable NodeIdentity self;
  private @Nullable PrefillService service; // of orders that others send here
  private @Nullable NodeCompute compute;
  private @Nullable ChildNode child;
  private @Nullable StreamNode stream;
  private @Nullable PrefillPeer peer;
  private @Nullable RuntimeException failure;
  private boolean tried;
  private boolean wanted;
  private boolean closed;

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
   * Begins, unless that was done: starts the child, where there is to be one, so that it loads its
   * model while this process loads its own.
   */
  public synchronized void begin() {
    if (thread == null && !closed) {
      thread = Thread.ofPlatform().daemon().name("baton-prefill-link").start(this::work);
    }
  }

  /** Begins, and connects as this node as soon as it can. */
  public synchronized void connect(NodeCompute compute) {
    if (self == null) {
      is("decode", compute, NodeLimits.NONE);
    }
    begin();
  }

  /**
   * Takes orders of others as well, at the same end of the streams, from now on.
   *
   * @param orders where they go
   * @param limits what an order may ask for
   * @return HOST:PORT that others connect to
   * @throws StreamException when the endpoint cannot be had
   */
  public String serve(NodeCompute compute, PrefillService orders, NodeLimits limits) {
    synchronized (this) {
      is("prefill and decode", compute, limits);
      service = orders;
    }
    try {
      return streamNode().endpoint();
    } catch (InterruptedException _) {
      throw new ClusterException("the engine is closed");
    }
  }

  private synchronized void is(String role, NodeCompute computing, NodeLimits limits) {
    compute = computing;
    String name =
        role + " node pid " + ProcessHandle.current().pid() + " (" + computing.description() + ")";
    self = computing.identity(name, limits);
    notifyAll();
  }

  /** Ends the streams with a reason: what computes here has failed. */
  public void fail(String reason) {
    StreamNode own;
    synchronized (this) {
      own = stream;
    }
    if (own != null) {
      own.fail(reason);
    }
  }

  /**
   * The prefill node, if it is connected now.
   *
   * @throws RuntimeException when it is not, with the reason
   */
  public synchronized PrefillPeer peer() {
    PrefillPeer known = connected();
    if (known != null) {
      return known;
    }
    wanted = true;
    notifyAll();
    throw new ClusterException(whyNot());
  }

  /** The prefill node, if it is connected now, else null; does not count as asking for one. */
  public synchronized @Nullable PrefillPeer connected() {
    PrefillPeer known = peer;
    return known != null && known.isAlive() && !closed ? known : null;
  }

  /** Why the prefill node is not connected now, one line, or null when it is. */
  public synchronized @Nullable String trouble() {
    return connected() == null ? whyNot() : null;
  }

  private String whyNot() { // under the lock
    if (closed) {
      return "the engine is closed";
    }
    String lost = peer == null ? null : peer.lostReason();
    if (lost != null) {
      return lost;
    }
    if (failure != null) {
      return String.valueOf(failure.getMessage());
    }
    return endpoint == null
        ? "the prefill node is still starting"
        : "the prefill node at " + endpoint + " has not answered yet: is it running?";
  }

  /**
   * Waits for the first attempt to connect to come to its end, and no longer than that: who comes
   * later waits for nothing.
   *
   * @throws StreamException when the node will not work with this one, nobody answers there ({@link
   *     StreamException#isNoAnswer}), or this node's own end cannot be had
   * @throws ClusterException when a child cannot be started
   */
  public synchronized void awaitFirstAttempt(Duration most) {
    long untilNs = System.nanoTime() + most.toNanos();
    try {
      while (!tried && !closed) {
        long leftNs = untilNs - System.nanoTime();
        if (leftNs <= 0) {
          return;
        }
        TimeUnit.NANOSECONDS.timedWait(this, leftNs);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ClusterException("interrupted while connecting to the prefill node", e);
    }
    if (failure != null) {
      throw failure;
    }
  }

  // The thread.

  private void work() {
    long pauseMs = FIRST_PAUSE_MS;
    try {
      while (true) {
        if (attempt()) {
          pauseMs = FIRST_PAUSE_MS;
          awaitLoss();
        } else {
          awaitRetry(pauseMs);
          pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        }
      }
    } catch (InterruptedException _) {
      // The engine is closed.
    }
  }

  /** Connects; what goes wrong is kept for those who ask. */
  private boolean attempt() throws InterruptedException {
    RuntimeException trouble = null;
    synchronized (this) {
      wanted = false;
    }
    try {
      connect();
    } catch (RuntimeException e) {
      trouble = e;
    } catch (Error e) {
      // Nobody else would hear of it, and who waits here would do so in vain.
      trouble = new ClusterException("connecting to the prefill node failed: " + e, e);
    }
    synchronized (this) {
      requireOpen();
      tried = true;
      failure = trouble == null ? null : telling(trouble);
      notifyAll();
      return trouble == null;
    }
  }

  /** A child that has ended meanwhile says more than that nobody answers. */
  private RuntimeException telling(RuntimeException trouble) {
    ChildNode own = child;
    return own != null && trouble instanceof StreamException && !own.isAlive()
        ? new ClusterException(own.ending(), trouble)
        : trouble;
  }

  private void connect() throws InterruptedException {
    ChildNode own = endpoint == null ? liveChild() : null;
    StreamNode node = streamNode();
    waiting(true);
    try {
      String target =
          own == null ? String.valueOf(endpoint) : own.awaitEndpoint(CHILD_START_TIMEOUT);
      PrefillPeer connected = node.connect(target);
      synchronized (this) {
        requireOpen(); // else the stream's end is the peer's as well
        peer = connected;
      }
      if (own != null) {
        own.onExit(() -> connected.markLost(own.ending()));
      }
    } finally {
      waiting(false);
    }
  }

  private ChildNode liveChild() throws InterruptedException {
    ChildNode own;
    synchronized (this) {
      requireOpen();
      own = child;
    }
    if (own != null && own.isAlive()) {
      return own;
    }
    if (own != null) {
      own.close();
    }
    ChildNode started = starter.get();
    synchronized (this) {
      if (!closed) {
        child = started;
        return started;
      }
    }
    started.close();
    throw new InterruptedException();
  }

  /** This node's own end, which stays when the other one is lost, and not when it has failed. */
  private StreamNode streamNode() throws InterruptedException {
    NodeIdentity identity;
    PrefillService orders;
    StreamNode failed;
    synchronized (this) {
      while (self == null && !closed) {
        wait();
      }
      requireOpen();
      if (stream != null && stream.failure() == null) {
        return stream;
      }
      failed = stream;
      stream = null;
      identity = Objects.requireNonNull(self);
      orders = service;
    }
    if (failed != null) {
      failed.close();
    }
    String target = endpoint;
    StreamNode launched =
        StreamNode.launch(
            target == null ? config : StreamNode.reachedFrom(config, target), identity, orders);
    synchronized (this) {
      if (compute != null) {
        compute.keepFor(launched.thread());
      }
      if (!closed) {
        stream = launched;
        return launched;
      }
    }
    launched.close();
    throw new InterruptedException();
  }

  private void awaitLoss() throws InterruptedException {
    PrefillPeer lost;
    synchronized (this) {
      while (!closed && peer != null && peer.isAlive()) {
        wait(LOOK_MS);
      }
      requireOpen();
      failure = new ClusterException(whyNot());
      lost = peer;
      peer = null;
    }
    if (lost != null) {
      lost.close();
    }
    awaitRetry(0);
  }

  private synchronized void awaitRetry(long pauseMs) throws InterruptedException {
    long untilNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(pauseMs);
    long leftNs = untilNs - System.nanoTime();
    while (!closed && leftNs > 0) {
      TimeUnit.NANOSECONDS.timedWait(this, leftNs);
      leftNs = untilNs - System.nanoTime();
    }
    while (!closed && endpoint == null && !wanted) {
      wait();
    }
    requireOpen();
  }

  private synchronized void waiting(boolean now) throws InterruptedException {
    waits = now;
    requireOpen();
  }

  private void requireOpen() throws InterruptedException {
    if (closed) {
      throw new InterruptedException();
    }
  }

  /** Process id of the child node, when there is one. */
  public synchronized @Nullable Long childPid() {
    return child == null ? null : child.pid();
  }

  /** Asks the child to end, so that it does so while the rest is closed. */
  public void endSoon() {
    ChildNode own;
    synchronized (this) {
      closed = true;
      notifyAll();
      if (thread != null && waits) {
        thread.interrupt();
      }
      own = child;
    }
    if (own != null) {
      own.askToEnd();
    }
  }

  /** Disconnects and ends the child. Twice is fine. */
  @Override
  public void close() {
    endSoon();
    PrefillPeer known;
    StreamNode node;
    ChildNode own;
    Thread connecting;
    synchronized (this) {
      known = peer;
      peer = null;
      node = stream;
      stream = null;
      own = child;
      child = null;
      connecting = thread;
    }
    if (known != null) {
      known.close();
    }
    if (node != null) {
      node.close();
    }
    if (own != null) {
      own.close();
    }
    try {
      if (connecting != null) {
        connecting.join(END_MS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
