package dev.baton.kvstream.media;

import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import io.aeron.Aeron;
import io.aeron.ChannelUriStringBuilder;
import io.aeron.Image;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.reports.LossReportUtil;
import io.aeron.exceptions.AeronException;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.agrona.concurrent.AgentInvoker;
import org.agrona.concurrent.IdleStrategy;
import org.jspecify.annotations.Nullable;

/** A node's own Aeron: media driver, client, and the two streams it is reached by. */
public final class EmbeddedMedia implements AutoCloseable {
  private static final int CONTROL_STREAM = 1;
  private static final int KV_STREAM = 2;
  private static final int LOOPBACK_MTU_BYTES = 65504;
  private static final int NETWORK_MTU_BYTES = 1408;

  /** A stream's log: that many terms, and a little. */
  private static final int TERMS = 3;

  private static final int LOG_OVERHEAD_BYTES = 16 << 10;

  /** An eighth holds any message to a decode node; who greets may be anybody. */
  private static final int ANSWER_TERM_BYTES = 128 << 10;

  /** A KV stream with shorter terms would be a slower one. */
  private static final int LEAST_KV_TERM_BYTES = 1 << 20;

  /** The other node's files are often in the same place, and are made a little later. */
  private static final int LINKS = 2;

  /** There may be more of them for a while: with a connection that is made anew. */
  private static final int COMFORTABLE_LINKS = 4;

  private static final long BIND_LIMIT_NS = TimeUnit.SECONDS.toNanos(5);

  private final Terms terms;
  private final StreamTransport transport;
  private final MediaDirectory directory;
  private final SegmentOffload offload;
  private final StreamTrust trust;
  private final StrangerLog strangers;
  private final MediaDriver driver;
  private final Aeron aeron;
  private final AgentInvoker conductor;

  /** Driver and client print nothing: what they cannot do is told as the failure of a link. */
  private volatile String trouble = "the media driver has ended";

  private volatile @Nullable Thread driverThread;

  private String endpoint = "";

  /** Lengths of the terms of a link's three streams. */
  record Terms(int orderBytes, int kvBytes) {
    long linkBytes() {
      long terms = (long) orderBytes + ANSWER_TERM_BYTES + kvBytes;
      return TERMS * (terms + LOG_OVERHEAD_BYTES);
    }

    long nodeBytes(int links) {
      return StreamTransport.DRIVER_BYTES + links * linkBytes();
    }

    /** Those that are asked for, or with shorter ones for KV where there is little room. */
    static Terms fitting(int orderBytes, int kvBytes, long freeBytes) {
      Terms terms = new Terms(orderBytes, kvBytes);
      while (terms.kvBytes > LEAST_KV_TERM_BYTES
          && terms.nodeBytes(COMFORTABLE_LINKS) > freeBytes) {
        terms = new Terms(orderBytes, terms.kvBytes / 2);
      }
      return terms;
    }
  }

  private EmbeddedMedia(
      Terms terms,
      StreamTransport transport,
      MediaDirectory directory,
      StreamTransport.Screening screening)
      throws IOException {
    this.terms = terms;
    this.transport = transport;
    this.directory = directory;
    this.offload = transport.offload();
    this.trust = screening.trust();
    this.strangers = screening.strangers();
    this.driver =
        MediaDriver.launch(
            transport
                .driver(
                    directory.driver(), offload, transport.limits(terms.orderBytes()), screening)
                .sharedThreadFactory(this::driverThread)
                .errorHandler(this::note));
    try {
      allocate(directory.driver().resolve(LossReportUtil.LOSS_REPORT_FILE_NAME));
      this.aeron = Aeron.connect(clientContext());
    } catch (IOException | RuntimeException e) {
      driver.close();
      throw e;
    }
    this.conductor = aeron.conductorAgentInvoker();
  }

  /** Where an error ends it, that is seen by {@link #isClosed} and printed by nobody. */
  private Thread driverThread(Runnable loop) {
    Thread thread = StreamTransport.daemon(loop);
    thread.setUncaughtExceptionHandler((ended, error) -> note(error));
    driverThread = thread;
    return thread;
  }

  /**
   * Starts the driver and the client.
   *
   * @param orders terms of control streams to prefill nodes
   * @param trust who is no stranger
   * @param strangers takes a line for an operator of strangers that sent something here
   */
  public static EmbeddedMedia launch(
      StreamConfig config,
      ControlTerm orders,
      Endpoint listen,
      StreamTrust trust,
      Consumer<String> strangers) {
    requireFree(listen);
    int mtuBytes =
        config.mtuBytes() != 0
            ? config.mtuBytes()
            : listen.isLoopback() ? LOOPBACK_MTU_BYTES : NETWORK_MTU_BYTES;
    MediaDirectory directory = MediaDirectory.create(config.directoryParent());
    try {
      long free = directory.freeBytes();
      Terms terms = Terms.fitting(orders.bytes(), config.kvTermBytes(), free);
      if (terms.nodeBytes(LINKS) > free) {
        throw new StreamException(directory.full(free, terms.nodeBytes(LINKS)));
      }
      return new EmbeddedMedia(
          terms,
          new StreamTransport(config, mtuBytes),
          directory,
          new StreamTransport.Screening(trust, new StrangerLog(strangers, config.clock())));
    } catch (StreamException | Error e) {
      directory.close();
      throw e;
    } catch (Exception e) {
      // Also one that is checked and not declared: Aeron throws what the system says as it is.
      String said = directory.explain(String.valueOf(e.getMessage()));
      directory.close();
      throw new StreamException("the media driver does not start: " + said, e);
    }
  }

  /** Aeron makes it sparse, and what does not fit when it is written to is a dead JVM. */
  private static void allocate(Path lossReport) throws IOException {
    Files.write(
        lossReport, new byte[Math.toIntExact(Files.size(lossReport))], StandardOpenOption.WRITE);
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
  public void note(Throwable error) {
    try {
      trouble = directory.explain(String.valueOf(error.getMessage()));
    } catch (RuntimeException | Error _) {
      // What is thrown here would end the thread that has only come to tell.
    }
  }

  /** What went wrong last, one line. */
  public String trouble() {
    return trouble;
  }

  /** How the thread that does this object's work waits. */
  public IdleStrategy idleStrategy() {
    return transport.idleStrategy();
  }

  /** Says whether sessions are open. */
  public void busy(boolean isBusy) {
    transport.busy(isBusy);
  }

  /**
   * Opens the two streams others send to; the consumers run on whichever thread does this object's
   * work.
   */
  public void open(
      Endpoint listen, Consumer<Image> onControl, Consumer<Image> onKv, Consumer<Image> onGone) {
    String channel =
        new ChannelUriStringBuilder().media("udp").endpoint(listen.toString()).tags("1").build();
    try {
      Subscription control =
          aeron.addSubscription(channel, CONTROL_STREAM, onControl::accept, onGone::accept);
      endpoint = boundAddress(control);
      aeron.addSubscription("aeron:udp?tags=1", KV_STREAM, onKv::accept, onGone::accept);
    } catch (AeronException e) {
      throw cannotListen(listen, e);
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

  /** How datagrams are sent and received. */
  public OffloadReport offload() {
    return offload.report();
  }

  /** Counts what strangers send. */
  public StrangerLog strangers() {
    return strangers;
  }

  /** The node knows who sends this control stream. */
  public void knowsControl(int session) {
    trust.vouchFor(session, CONTROL_STREAM);
  }

  /** The node does not care for this control stream any more. */
  public void forgetControl(int session) {
    trust.forget(session, CONTROL_STREAM);
  }

  /** A KV stream of this number is to come; no other is taken. */
  public void awaitKv(int session) {
    trust.vouchFor(session, KV_STREAM);
  }

  /** No KV stream of this number is awaited any more. */
  public void forgetKv(int session) {
    trust.forget(session, KV_STREAM);
  }

  /** Where others reach this node, {@code address:port}. */
  public String endpoint() {
    return endpoint;
  }

  /** A control stream to a prefill node: takes orders. */
  public PendingPublication control(Endpoint to) {
    PendingPublication publication = later(to, terms.orderBytes(), CONTROL_STREAM);
    publication.open();
    return publication;
  }

  /** A control stream to who says it is a decode node: all that is said there is short. */
  public PendingPublication replies(Endpoint to) {
    PendingPublication publication = later(to, ANSWER_TERM_BYTES, CONTROL_STREAM);
    trust.answer(publication.session(), CONTROL_STREAM);
    publication.open();
    return publication;
  }

  /** A KV stream to another node, which is still to be opened. */
  public PendingPublication kv(Endpoint to) {
    return later(to, terms.kvBytes(), KV_STREAM);
  }

  /** Why a node may not be able to answer, where its files and this one's are in one place. */
  public Optional<String> noRoomForAnother() {
    long free = directory.freeBytes();
    return free < terms.linkBytes()
        ? Optional.of(directory.full(free, terms.linkBytes()))
        : Optional.empty();
  }

  private PendingPublication later(Endpoint to, int termBytes, int streamId) {
    int session = transport.nextSession();
    String channel = transport.channel(to.toString(), termBytes, session);
    return new PendingPublication(
        aeron, channel, new PendingPublication.StreamName(streamId, session), directory::explain);
  }

  /** The client's part of the stream thread's turn. */
  public int doWork() {
    return conductor.invoke();
  }

  /** True when the driver or the client ended by itself. */
  public boolean isClosed() {
    Thread thread = driverThread;
    return aeron.isClosed() || (thread != null && thread.getState() == Thread.State.TERMINATED);
  }

  @Override
  public void close() {
    try (directory;
        driver) {
      aeron.close();
    }
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
      throw cannotListen(listen, e);
    }
  }

  private static StreamException cannotListen(Endpoint listen, Exception e) {
    return new StreamException(
        "the stream cannot listen at "
            + listen
            + " ("
            + DriverMessages.plain(e.getMessage())
            + "): choose another address with --listen",
        e);
  }

  private static boolean isInUse(BindException e) {
    return e.getMessage() == null || e.getMessage().contains("in use");
  }
}
