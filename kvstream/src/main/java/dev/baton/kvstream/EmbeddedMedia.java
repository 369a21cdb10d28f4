package dev.baton.kvstream;

import io.aeron.Aeron;
import io.aeron.ChannelUriStringBuilder;
import io.aeron.Image;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.exceptions.AeronException;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.nio.channels.DatagramChannel;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.agrona.concurrent.AgentInvoker;
import org.agrona.concurrent.IdleStrategy;

/** A node's own Aeron: media driver, client, and the two streams it is reached by. */
final class EmbeddedMedia implements AutoCloseable {
  private static final int CONTROL_STREAM = 1;
  private static final int KV_STREAM = 2;
  private static final int LOOPBACK_MTU_BYTES = 65504;
  private static final int NETWORK_MTU_BYTES = 1408;

  /** A stream's log: that many terms, and a little. */
  private static final int TERMS = 3;

  /** The driver's own file of counters and commands. */
  private static final long DRIVER_BYTES = 12 << 20;

  private static final long BIND_LIMIT_NS = TimeUnit.SECONDS.toNanos(5);

  private final StreamConfig config;
  private final int controlTermBytes;
  private final StreamTransport transport;
  private final MediaDirectory directory;
  private final MediaDriver driver;
  private final Aeron aeron;
  private final AgentInvoker conductor;

  /** Driver and client print nothing: what they cannot do is told as the failure of a link. */
  private volatile String trouble = "the media driver has ended";

  private String endpoint = "";

  private EmbeddedMedia(
      StreamConfig config,
      int controlTermBytes,
      StreamTransport transport,
      MediaDirectory directory) {
    this.config = config;
    this.controlTermBytes = controlTermBytes;
    this.transport = transport;
    this.directory = directory;
    this.driver = MediaDriver.launch(transport.driver(directory.driver()).errorHandler(this::note));
    try {
      this.aeron = Aeron.connect(clientContext());
    } catch (RuntimeException e) {
      driver.close();
      throw e;
    }
    this.conductor = aeron.conductorAgentInvoker();
  }

  /** Starts the driver and the client. */
  static EmbeddedMedia launch(StreamConfig config, int controlTermBytes, Endpoint listen) {
    requireFree(listen);
    int mtuBytes =
        config.mtuBytes() != 0
            ? config.mtuBytes()
            : listen.isLoopback() ? LOOPBACK_MTU_BYTES : NETWORK_MTU_BYTES;
    MediaDirectory directory = MediaDirectory.create(config.directoryParent());
    try {
      directory.requireRoom(DRIVER_BYTES + 2L * TERMS * (controlTermBytes + config.kvTermBytes()));
      return new EmbeddedMedia(
          config, controlTermBytes, new StreamTransport(config, mtuBytes), directory);
    } catch (StreamException e) {
      directory.close();
      throw e;
    } catch (RuntimeException e) {
      directory.close();
      throw new StreamException("the media driver does not start: " + e.getMessage(), e);
    }
  }

  private Aeron.Context clientContext() {
    return new Aeron.Context()
        .aeronDirectoryName(driver.aeronDirectoryName())
        .useConductorAgentInvoker(true)
        .epochClock(transport.clock())
        .driverTimeoutMs(TimeUnit.NANOSECONDS.toMillis(StreamTransport.SAME_PROCESS_NS))
        .errorHandler(this::note)
        .subscriberErrorHandler(this::note);
  }

  /** Keeps what went wrong somewhere below, for {@link #trouble}. Any thread. */
  void note(Throwable error) {
    trouble = directory.explain(String.valueOf(error.getMessage()));
  }

  /** What went wrong last, one line. */
  String trouble() {
    return trouble;
  }

  /** How the thread that does this object's work waits. */
  IdleStrategy idleStrategy() {
    return transport.idleStrategy();
  }

  /** Says whether sessions are open. */
  void busy(boolean isBusy) {
    transport.busy(isBusy);
  }

  /**
   * Opens the two streams others send to; the consumers run on whichever thread does this object's
   * work.
   */
  void open(
      Endpoint listen, Consumer<Image> onControl, Consumer<Image> onKv, Consumer<Image> onGone) {
    String channel =
        new ChannelUriStringBuilder().media("udp").endpoint(listen.toString()).tags("1").build();
    try {
      Subscription control =
          aeron.addSubscription(channel, CONTROL_STREAM, onControl::accept, onGone::accept);
      endpoint = boundAddress(control);
      aeron.addSubscription("aeron:udp?tags=1", KV_STREAM, onKv::accept, onGone::accept);
    } catch (AeronException e) {
      throw new StreamException("the stream cannot listen at " + listen + ": " + e.getMessage(), e);
    }
  }

  private String boundAddress(Subscription subscription) {
    long deadlineNs = System.nanoTime() + BIND_LIMIT_NS;
    while (subscription.localSocketAddresses().isEmpty()) {
      if (System.nanoTime() - deadlineNs > 0) {
        throw new StreamException("the media driver opened no socket");
      }
      conductor.invoke();
      LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(100));
    }
    return subscription.localSocketAddresses().get(0);
  }

  /** Where others reach this node, {@code address:port}. */
  String endpoint() {
    return endpoint;
  }

  /** A control stream to another node. */
  LaterPublication control(Endpoint to) {
    return later(to, controlTermBytes, CONTROL_STREAM);
  }

  /** A KV stream to another node. */
  LaterPublication kv(Endpoint to) {
    return later(to, config.kvTermBytes(), KV_STREAM);
  }

  private LaterPublication later(Endpoint to, int termBytes, int streamId) {
    String channel = transport.channel(to.toString(), termBytes);
    return new LaterPublication(aeron, channel, streamId, directory::explain);
  }

  /** The client's part of the stream thread's turn. */
  int doWork() {
    return conductor.invoke();
  }

  /** True when the driver or the client ended by itself. */
  boolean isClosed() {
    return aeron.isClosed();
  }

  @Override
  public void close() {
    aeron.close();
    driver.close();
    directory.close();
  }

  private static void requireFree(Endpoint listen) {
    try (DatagramChannel probe = DatagramChannel.open()) {
      probe.bind(new InetSocketAddress(listen.address(), listen.port()));
    } catch (BindException e) {
      throw new StreamException(
          listen.address().isAnyLocalAddress() || isInUse(e)
              ? listen + " is in use: choose another with --listen, or end the process that has it"
              : listen + " is no address of this machine: choose another with --listen",
          e);
    } catch (IOException e) {
      throw new StreamException("the stream cannot listen at " + listen + ": " + e.getMessage(), e);
    }
  }

  private static boolean isInUse(BindException e) {
    return e.getMessage() == null || e.getMessage().contains("in use");
  }
}
