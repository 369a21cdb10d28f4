package dev.baton.kvstream;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.NanoClock;
import org.agrona.concurrent.SystemNanoClock;
import org.jspecify.annotations.Nullable;

/**
 * How a node's stream is set up; {@link #builder} knows what is usual.
 *
 * @param listen {@code host:port} where other nodes reach this one, port 0 for any free one; null
 *     for a node that only connects
 * @param advertise {@code address:port} where other nodes are told to send, where that is another
 *     one than they see here (a container, a relay); null for the listening one
 * @param clusterKey what other nodes must have too; null to talk to this machine's only
 * @param leaseNs how long a silent peer is waited for
 * @param handshakeTimeoutNs how long an answer to the first message is waited for
 * @param mtuBytes largest datagram, a multiple of 32, or 0 for what suits the address
 * @param offload hand the system runs of datagrams, where it takes them, instead of each by itself
 * @param kvTermBytes length of a KV stream's term, a power of two; three of them are taken for each
 *     stream. Shorter where there is little room for them, down to 1 MiB
 * @param controlTermBytes the same for control streams to prefill nodes; an eighth bounds the
 *     longest order. 0 for what the model's context needs
 * @param receiveWindowBytes what a sender may have under way; no more than the kernel's socket
 *     buffer is used
 * @param creditBytes payload that a session's sender may send before it hears more
 * @param rowsBytes boundary rows of a session that each side keeps, about
 * @param directoryParent where the media driver's files go while the node lives
 * @param trace keep what of each session arrived when, for timelines
 * @param clock all timeouts and measurements
 */
public record StreamConfig(
    @Nullable String listen,
    @Nullable String advertise,
    @Nullable ClusterKey clusterKey,
    long leaseNs,
    long handshakeTimeoutNs,
    int mtuBytes,
    boolean offload,
    int kvTermBytes,
    int controlTermBytes,
    int receiveWindowBytes,
    long creditBytes,
    long rowsBytes,
    Path directoryParent,
    boolean trace,
    NanoClock clock) {
  /** Shorter leases end by accident. */
  public static final long MIN_LEASE_NS = TimeUnit.MILLISECONDS.toNanos(100);

  /** Aeron takes no longer terms. */
  public static final int MAX_TERM_BYTES = 1 << 30;

  /**
   * What is usual of boundary rows: about so many bytes, unless three chunks are more: one
   * computed, one on its way, one in use.
   */
  public static final long USUAL_ROWS_BYTES = 8L << 20;

  private static final int MIN_MTU_BYTES = 512;
  private static final int MAX_MTU_BYTES = 65504;

  public StreamConfig {
    if (listen != null) {
      HostPort.listening(listen);
    }
    if (advertise != null) {
      HostPort.target(advertise);
    }
    if (leaseNs < MIN_LEASE_NS || handshakeTimeoutNs < 1) {
      throw new IllegalArgumentException(
          "a lease lasts at least "
              + TimeUnit.NANOSECONDS.toMillis(MIN_LEASE_NS)
              + " ms and a handshake is waited for, got "
              + leaseNs / 1e6
              + " ms and "
              + handshakeTimeoutNs / 1e6
              + " ms");
    }
    if (mtuBytes != 0
        && (mtuBytes < MIN_MTU_BYTES || mtuBytes > MAX_MTU_BYTES || mtuBytes % 32 != 0)) {
      throw new IllegalArgumentException(
          "an MTU is a multiple of 32 from "
              + MIN_MTU_BYTES
              + " to "
              + MAX_MTU_BYTES
              + ", got "
              + mtuBytes);
    }
    requireTerm(kvTermBytes);
    if (controlTermBytes != 0) {
      requireTerm(controlTermBytes);
    }
    if (receiveWindowBytes < MAX_MTU_BYTES || creditBytes < MAX_MTU_BYTES) {
      throw new IllegalArgumentException(
          "a receive window and a credit hold at least one datagram, got "
              + receiveWindowBytes
              + " and "
              + creditBytes);
    }
  }

  private static void requireTerm(int bytes) {
    if (bytes < 64 * 1024 || bytes > MAX_TERM_BYTES || Integer.bitCount(bytes) != 1) {
      throw new IllegalArgumentException(
          "a term is a power of two from 64 KiB to 1 GiB, got " + bytes);
    }
  }

  /** The same with another address to listen at. */
  public StreamConfig withListen(String hostPort) {
    return new StreamConfig(
        hostPort,
        advertise,
        clusterKey,
        leaseNs,
        handshakeTimeoutNs,
        mtuBytes,
        offload,
        kvTermBytes,
        controlTermBytes,
        receiveWindowBytes,
        creditBytes,
        rowsBytes,
        directoryParent,
        trace,
        clock);
  }

  /** The usual settings, to be changed. */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects settings. One thread. */
  public static final class Builder {
    private @Nullable String listen;
    private @Nullable String advertise;
    private @Nullable ClusterKey clusterKey;
    private long leaseNs = TimeUnit.SECONDS.toNanos(8);
    private long handshakeTimeoutNs = TimeUnit.SECONDS.toNanos(5);
    private int mtuBytes;
    private boolean offload = true;
    private int kvTermBytes = 4 << 20;
    private int controlTermBytes;
    private int receiveWindowBytes = 2 << 20;
    private long creditBytes = 16 << 20;
    private long rowsBytes = USUAL_ROWS_BYTES;
    private Path directoryParent = usualParent();
    private boolean trace;
    private NanoClock clock = SystemNanoClock.INSTANCE;

    private Builder() {}

    private static Path usualParent() {
      Path memory = Path.of("/dev/shm");
      return Files.isWritable(memory) ? memory : Path.of(System.getProperty("java.io.tmpdir"));
    }

    public Builder listen(@Nullable String hostPort) {
      listen = hostPort;
      return this;
    }

    public Builder advertise(@Nullable String hostPort) {
      advertise = hostPort;
      return this;
    }

    public Builder clusterKey(@Nullable ClusterKey key) {
      clusterKey = key;
      return this;
    }

    public Builder leaseNs(long ns) {
      leaseNs = ns;
      return this;
    }

    public Builder handshakeTimeoutNs(long ns) {
      handshakeTimeoutNs = ns;
      return this;
    }

    public Builder mtuBytes(int bytes) {
      mtuBytes = bytes;
      return this;
    }

    /** Sends and receives runs of datagrams with one system call, where the system can. */
    public Builder offload(boolean wanted) {
      offload = wanted;
      return this;
    }

    public Builder kvTermBytes(int bytes) {
      kvTermBytes = bytes;
      return this;
    }

    public Builder controlTermBytes(int bytes) {
      controlTermBytes = bytes;
      return this;
    }

    public Builder receiveWindowBytes(int bytes) {
      receiveWindowBytes = bytes;
      return this;
    }

    public Builder creditBytes(long bytes) {
      creditBytes = bytes;
      return this;
    }

    public Builder directoryParent(Path parent) {
      directoryParent = parent;
      return this;
    }

    public Builder trace(boolean wanted) {
      trace = wanted;
      return this;
    }

    public Builder rowsBytes(long bytes) {
      rowsBytes = bytes;
      return this;
    }

    public Builder clock(NanoClock nanoClock) {
      clock = nanoClock;
      return this;
    }

    public StreamConfig build() {
      return new StreamConfig(
          listen,
          advertise,
          clusterKey,
          leaseNs,
          handshakeTimeoutNs,
          mtuBytes,
          offload,
          kvTermBytes,
          controlTermBytes,
          receiveWindowBytes,
          creditBytes,
          rowsBytes,
          directoryParent,
          trace,
          clock);
    }
  }
}
