package dev.baton.kvstream.media;

import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import io.aeron.ChannelUriStringBuilder;
import io.aeron.driver.Configuration;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.agrona.concurrent.EpochClock;
import org.agrona.concurrent.IdleStrategy;
import org.agrona.concurrent.SystemNanoClock;

/**
 * How the KV stream uses Aeron: the driver's settings, a publication's, and how their threads wait.
 * Public for the benchmark that holds the stream against Aeron alone under the same settings.
 * Immutable, but for the flag that says whether there is work.
 */
public final class StreamTransport {
  /** Aeron takes messages, and so datagrams, of up to this part of a term. */
  private static final int MESSAGES_IN_A_TERM = 8;

  /**
   * Driver and client share a process: when it was stopped for long, neither is dead to the other.
   */
  static final long SAME_PROCESS_NS = TimeUnit.DAYS.toNanos(365);

  /** The least that Aeron takes: what is counted in a driver of a few streams is a small part. */
  private static final int COUNTERS_BYTES = 1 << 20;

  private static final int LOSS_REPORT_BYTES = 1 << 20;

  /**
   * A driver's files but for the streams': commands, answers and errors as Aeron has them at least,
   * counters and (four times as much) their names, the loss report.
   */
  static final long DRIVER_BYTES =
      Configuration.CONDUCTOR_BUFFER_LENGTH_DEFAULT
          + Configuration.TO_CLIENTS_BUFFER_LENGTH_DEFAULT
          + Configuration.ERROR_BUFFER_LENGTH_DEFAULT
          + 5L * COUNTERS_BYTES
          + LOSS_REPORT_BYTES
          + (64 << 10);

  /** Control and KV, streams 1 and 2. */
  private static final int STREAMS = 2;

  /** A peer's terms may be so long, whatever ours are: orders of 512 Ki tokens fit. */
  private static final int PEER_TERM_BYTES = 16 << 20;

  /** For drivers of a benchmark: whoever knows where they listen may send them what they take. */
  private static final Screening NOBODY =
      new Screening(StreamTrust.ofNobody(), new StrangerLog(line -> {}, SystemNanoClock.INSTANCE));

  /** A datagram up to this long is charged to a socket's buffer as a whole page and more. */
  private static final int SMALL_DATAGRAM_BYTES = 4096;

  private final long patienceNs;
  private final int mtuBytes;
  private final int socketBufferBytes;
  private final int windowBytes;
  private final boolean mayOffload;
  private final int maxTermBytes;
  private final AtomicBoolean busy = new AtomicBoolean();
  private final SecureRandom sessionIds = new SecureRandom();
  private final EpochClock clock = steadyClock();

  /**
   * @param config the node's settings
   * @param mtuBytes the largest datagram
   */
  public StreamTransport(StreamConfig config, int mtuBytes) {
    this.patienceNs = config.leaseNs() + TimeUnit.SECONDS.toNanos(1);
    this.mtuBytes = mtuBytes;
    this.mayOffload = config.offload();
    this.maxTermBytes =
        Math.max(PEER_TERM_BYTES, Math.max(config.kvTermBytes(), config.controlTermBytes()));
    this.socketBufferBytes = largestSocketBuffer(2 * config.receiveWindowBytes());
    // What the buffer cannot hold is lost and sent again. The kernel doubles the size asked for,
    // and
    // charges up to three times a small datagram's length.
    int holds = mtuBytes < SMALL_DATAGRAM_BYTES ? socketBufferBytes / 2 : socketBufferBytes;
    this.windowBytes = Math.min(config.receiveWindowBytes(), holds);
  }

  /** A driver that keeps its files in {@code directory}, alone on one thread. */
  public MediaDriver.Context driver(Path directory) {
    return driver(directory, offload(), new StreamLimits(STREAMS, maxTermBytes), NOBODY);
  }

  /** What one driver uses to send and receive runs of datagrams. */
  SegmentOffload offload() {
    return mayOffload ? SegmentOffload.open() : SegmentOffload.off("it was switched off");
  }

  /**
   * A node's streams: terms as long as its own or a usual peer's, KV only when it is awaited.
   *
   * @param ownTermBytes longest term of this node's streams
   */
  StreamLimits limits(int ownTermBytes) {
    return new StreamLimits(STREAMS, Math.max(maxTermBytes, ownTermBytes), STREAMS);
  }

  /** Who is no stranger, and who counts strangers. */
  record Screening(StreamTrust trust, StrangerLog strangers) {}

  /** The same driver with an offload of its own. */
  MediaDriver.Context driver(
      Path directory, SegmentOffload offload, StreamLimits limits, Screening screening) {
    MediaDriver.Context context =
        new MediaDriver.Context()
            .aeronDirectoryName(directory.toString())
            .dirDeleteOnStart(true)
            .dirDeleteOnShutdown(true)
            .warnIfDirectoryExists(false)
            .threadingMode(ThreadingMode.SHARED)
            .sharedIdleStrategy(idleStrategy())
            .epochClock(clock)
            .nameResolver(new LiteralAddresses())
            // One thread less; no name is looked up here, and small files are made quickly.
            .asyncExecutorEnabled(false)
            .sharedThreadFactory(StreamTransport::daemon)
            // A sparse file that does not fit when it is written to is a dead JVM, not an error.
            .termBufferSparseFile(false)
            .counterValuesBufferLength(COUNTERS_BYTES)
            .errorBufferLength(Configuration.ERROR_BUFFER_LENGTH_DEFAULT)
            .lossReportBufferLength(LOSS_REPORT_BYTES)
            // Whether files fit is checked before; a warning that there is little left helps
            // nobody.
            .lowStorageWarningThreshold(0)
            .mtuLength(mtuBytes)
            .initialWindowLength(windowBytes)
            .socketRcvbufLength(socketBufferBytes)
            .socketSndbufLength(socketBufferBytes)
            .imageLivenessTimeoutNs(patienceNs)
            .publicationConnectionTimeoutNs(patienceNs)
            .publicationLingerTimeoutNs(TimeUnit.SECONDS.toNanos(1))
            .clientLivenessTimeoutNs(SAME_PROCESS_NS)
            .publicationUnblockTimeoutNs(SAME_PROCESS_NS + 1)
            .spiesSimulateConnection(false);
    return offload.install(context, limits, screening.trust(), screening.strangers());
  }

  /**
   * The channel of a publication. Its session id is chosen at random: who is to be sent something
   * knows what to expect, and nobody else can take the place beforehand.
   *
   * @param endpoint {@code address:port} of the receiver
   * @param termBytes length of one of its three terms
   */
  public String channel(String endpoint, int termBytes) {
    return channel(endpoint, termBytes, nextSession());
  }

  /** The number of a stream, which nobody can know before. */
  int nextSession() {
    return sessionIds.nextInt();
  }

  String channel(String endpoint, int termBytes, int session) {
    return new ChannelUriStringBuilder()
        .media("udp")
        .endpoint(endpoint)
        .sessionId(session)
        .mtu(Math.min(mtuBytes, termBytes / MESSAGES_IN_A_TERM))
        .termLength(termBytes)
        .sparse(false)
        .build();
  }

  /**
   * The time by which driver and client see that the other lives, milliseconds. It begins as the
   * wall clock and never steps: a board without a clock of its own jumps by years when it hears the
   * time, and nobody has died then.
   */
  EpochClock clock() {
    return clock;
  }

  private static EpochClock steadyClock() {
    long startMs = System.currentTimeMillis();
    long startNs = System.nanoTime();
    return () -> startMs + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNs);
  }

  /** How one thread waits that works for this transport; each has its own. */
  public IdleStrategy idleStrategy() {
    return new StreamIdleStrategy(busy);
  }

  /** Says whether there is work to wait for attentively. Any thread. */
  public void busy(boolean isBusy) {
    if (busy.getPlain() != isBusy) {
      busy.set(isBusy);
    }
  }

  /** A thread that does not keep the JVM alive; its agent names it. */
  public static Thread daemon(Runnable loop) {
    Thread thread = new Thread(loop);
    thread.setDaemon(true);
    return thread;
  }

  /**
   * The largest buffer up to {@code wantedBytes} that the kernel gives a socket (Linux:
   * net.core.rmem_max and wmem_max).
   */
  private static int largestSocketBuffer(int wantedBytes) {
    try (DatagramChannel probe = DatagramChannel.open()) {
      probe.setOption(StandardSocketOptions.SO_RCVBUF, wantedBytes);
      probe.setOption(StandardSocketOptions.SO_SNDBUF, wantedBytes);
      int granted =
          Math.min(
              probe.getOption(StandardSocketOptions.SO_RCVBUF),
              probe.getOption(StandardSocketOptions.SO_SNDBUF));
      return Math.min(wantedBytes, granted);
    } catch (IOException e) {
      throw new StreamException("no UDP socket can be opened: " + e.getMessage(), e);
    }
  }
}
