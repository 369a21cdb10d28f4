package dev.baton.fault;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * A piece of cable between a decode and a prefill node, as good or bad as a test wants it. Each
 * node sends to a door here that leads to the other; like a NAT the relay gives every source a
 * socket of its own at the far side, so that answers find their way back. One thread moves the
 * datagrams; the settings may change at any time from any thread.
 */
final class Relay implements AutoCloseable {
  /** Where a datagram is going. */
  enum Way {
    TO_PREFILL,
    TO_DECODE
  }

  private static final int MAX_DATAGRAM_BYTES = 65_536;
  private static final int SOCKET_BYTES = 4 << 20;

  /** What is on its way at once; more is lost, as at a switch. */
  private static final int QUEUE_BYTES = 8 << 20;

  private static final int MAX_SOURCES = 64;

  /** One datagram on its way. */
  private record Parcel(
      Way way, byte[] bytes, DatagramChannel from, SocketAddress to, long dueNs, long nth)
      implements Comparable<Parcel> {
    @Override
    public int compareTo(Parcel other) {
      int earlier = Long.compare(dueNs - other.dueNs, 0);
      return earlier != 0 ? earlier : Long.compare(nth, other.nth);
    }
  }

  /** A socket and how to pass on what arrives at it. */
  private abstract class Socket {
    final DatagramChannel channel;
    final Way way;

    Socket(Way way) throws IOException {
      this.way = way;
      this.channel = DatagramChannel.open();
      channel.setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BYTES);
      channel.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BYTES);
      channel.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      channel.configureBlocking(false);
      channel.register(selector, SelectionKey.OP_READ, this);
    }

    abstract void pass(byte[] bytes, SocketAddress source) throws IOException;
  }

  /** Where one node sends to, and everyone that has sent there. */
  private final class Door extends Socket {
    private final InetSocketAddress target;
    private final LinkedHashMap<SocketAddress, Back> sources = new LinkedHashMap<>(16, 0.75f, true);

    Door(Way way, InetSocketAddress target) throws IOException {
      super(way);
      this.target = target;
    }

    @Override
    void pass(byte[] bytes, SocketAddress source) throws IOException {
      Back back = sources.get(source);
      if (back == null) {
        back = new Back(this, source);
        sources.put(source, back);
        if (sources.size() > MAX_SOURCES) {
          var eldest = sources.pollFirstEntry();
          eldest.getValue().channel.close();
        }
      }
      disturb(way, bytes, back.channel, target);
    }
  }

  /** One source's socket at the far side: what comes here goes back to it. */
  private final class Back extends Socket {
    private final Door door;
    private final SocketAddress source;

    Back(Door door, SocketAddress source) throws IOException {
      super(door.way == Way.TO_PREFILL ? Way.TO_DECODE : Way.TO_PREFILL);
      this.door = door;
      this.source = source;
    }

    @Override
    void pass(byte[] bytes, SocketAddress from) {
      disturb(way, bytes, door.channel, source);
    }
  }

  /** An action due when so many bytes have gone one way. */
  private record Point(long bytes, Runnable action) {}

  private final Selector selector;
  private final Door toPrefill;
  private final Door toDecode;
  private final SplittableRandom random;
  private final PriorityQueue<Parcel> queue = new PriorityQueue<>();
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(MAX_DATAGRAM_BYTES);
  private final Map<Way, Long> narrowFreeNs = new EnumMap<>(Way.class);
  private final Map<Way, AtomicLong> passedBytes = new EnumMap<>(Way.class);
  private final Map<Way, Point> points = new EnumMap<>(Way.class); // guarded by itself
  private final Thread thread;
  private volatile List<Fault> faults = List.of();
  private volatile BiFunction<Way, byte[], byte[]> edit = (way, bytes) -> bytes;
  private final AtomicLong disturbed = new AtomicLong();
  private volatile boolean cut;
  private volatile boolean closed;
  private long queuedBytes;
  private long count;

  /**
   * @param prefill HOST:PORT of the prefill node
   * @param decode HOST:PORT at which the decode node listens
   */
  Relay(String prefill, String decode, long seed) {
    this.random = new SplittableRandom(seed);
    for (Way way : Way.values()) {
      narrowFreeNs.put(way, System.nanoTime());
      passedBytes.put(way, new AtomicLong());
    }
    try {
      this.selector = Selector.open();
      this.toPrefill = new Door(Way.TO_PREFILL, address(prefill));
      this.toDecode = new Door(Way.TO_DECODE, address(decode));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    this.thread = Thread.ofPlatform().daemon().name("relay").start(this::work);
  }

  private static InetSocketAddress address(String hostPort) {
    int colon = hostPort.lastIndexOf(':');
    int port = Integer.parseInt(hostPort.substring(colon + 1));
    return new InetSocketAddress(hostPort.substring(0, colon), port);
  }

  /** HOST:PORT that leads to the prefill node. */
  String toPrefill() {
    return endpoint(toPrefill);
  }

  /** HOST:PORT that leads to the decode node. */
  String toDecode() {
    return endpoint(toDecode);
  }

  private static String endpoint(Door door) {
    return "127.0.0.1:" + door.channel.socket().getLocalPort();
  }

  /** From now on these faults and no others. */
  void suffer(Fault... what) {
    faults = List.of(what);
  }

  /** Pulls the cable, or plugs it in again. */
  void cut(boolean isCut) {
    cut = isCut;
  }

  /** Changes what every datagram says. */
  void edit(BiFunction<Way, byte[], byte[]> change) {
    edit = change;
  }

  /** Bytes that have left here. */
  long passedBytes(Way way) {
    return passedBytes.get(way).get();
  }

  /** Datagrams to which a fault happened. */
  long disturbed() {
    return disturbed.get();
  }

  /** What is on its way is lost. For actions of {@link #afterBytes}: the relay's thread. */
  void drop() {
    queue.clear();
    queuedBytes = 0;
  }

  /** Runs the action on the relay's thread, once, when this many more bytes have gone that way. */
  void afterBytes(Way way, long bytes, Runnable action) {
    synchronized (points) {
      points.put(way, new Point(passedBytes(way) + bytes, action));
    }
  }

  // The relay's thread.

  private void work() {
    try {
      while (!closed) {
        Parcel next = queue.peek();
        long waitNs = next == null ? TimeUnit.SECONDS.toNanos(1) : next.dueNs - System.nanoTime();
        if (waitNs > 0) {
          selector.select(Math.max(1, TimeUnit.NANOSECONDS.toMillis(waitNs)));
        } else {
          selector.selectNow();
        }
        for (SelectionKey key : selector.selectedKeys()) {
          if (key.isValid() && key.attachment() instanceof Socket socket) {
            receive(socket);
          }
        }
        selector.selectedKeys().clear();
        deliver();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void receive(Socket socket) throws IOException {
    for (SocketAddress from = read(socket); from != null; from = read(socket)) {
      byte[] bytes = new byte[buffer.flip().remaining()];
      buffer.get(bytes);
      socket.pass(bytes, from);
    }
  }

  private @Nullable SocketAddress read(Socket socket) {
    try {
      return socket.channel.isOpen() ? socket.channel.receive(buffer.clear()) : null;
    } catch (IOException e) {
      return null; // nobody listens at the other end at this moment
    }
  }

  private void disturb(Way way, byte[] original, DatagramChannel from, SocketAddress to) {
    byte[] bytes = edit.apply(way, original);
    long dueNs = System.nanoTime();
    int copies = 1;
    for (Fault fault : faults) {
      switch (fault) {
        case Fault.Loss(double share) -> copies -= happens(share) ? copies : 0;
        case Fault.Twice(double share) -> copies += happens(share) ? 1 : 0;
        case Fault.Overtaken(double share, long byMs) ->
            dueNs += happens(share) ? TimeUnit.MILLISECONDS.toNanos(byMs) : 0;
        case Fault.Delay(long ms, long jitterMs) -> {
          long jitterNs = TimeUnit.MILLISECONDS.toNanos(jitterMs);
          long randomNs = jitterNs == 0 ? 0 : random.nextLong(-jitterNs, jitterNs + 1);
          dueNs += TimeUnit.MILLISECONDS.toNanos(ms) + randomNs;
          disturbed.incrementAndGet();
        }
        case Fault.Bandwidth(long bytesPerSecond, long queueBytes) -> {
          long freeNs = Math.max(System.nanoTime(), narrowFreeNs.get(way));
          long waitingBytes = (freeNs - System.nanoTime()) * bytesPerSecond / 1_000_000_000L;
          if (waitingBytes > queueBytes) {
            copies = 0;
          } else {
            freeNs += bytes.length * 1_000_000_000L / bytesPerSecond;
            narrowFreeNs.put(way, freeNs);
            dueNs = Math.max(dueNs, freeNs);
          }
        }
        case Fault.Spoiled(double share, int fromByte) -> {
          if (bytes.length > fromByte && happens(share)) {
            bytes = bytes.clone();
            for (int i = random.nextInt(1, 5); i > 0; i--) {
              bytes[random.nextInt(fromByte, bytes.length)] ^= (byte) random.nextInt(1, 256);
            }
          }
        }
        case Fault.CutOff(double share) ->
            bytes =
                happens(share)
                    ? java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length))
                    : bytes;
      }
    }
    for (int i = 0; i < copies && queuedBytes < QUEUE_BYTES; i++) {
      queue.add(new Parcel(way, bytes, from, to, dueNs, count++));
      queuedBytes += bytes.length;
    }
  }

  private boolean happens(double share) {
    boolean now = random.nextDouble() < share;
    if (now) {
      disturbed.incrementAndGet();
    }
    return now;
  }

  private void deliver() {
    for (Parcel next = queue.peek();
        next != null && next.dueNs - System.nanoTime() <= 0;
        next = queue.peek()) {
      queue.remove();
      queuedBytes -= next.bytes.length;
      if (cut) {
        continue;
      }
      try {
        next.from.send(ByteBuffer.wrap(next.bytes), next.to);
      } catch (IOException e) {
        continue; // the receiver has gone, or its socket is being replaced
      }
      passed(next.way, next.bytes.length);
    }
  }

  private void passed(Way way, int bytes) {
    long total = passedBytes.get(way).addAndGet(bytes);
    Point due;
    synchronized (points) {
      due = points.get(way);
      if (due == null || total < due.bytes) {
        return;
      }
      points.remove(way);
    }
    due.action.run();
  }

  @Override
  public void close() {
    closed = true;
    selector.wakeup();
    try {
      thread.join();
      for (SelectionKey key : new ArrayList<>(selector.keys())) {
        key.channel().close();
      }
      selector.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
