package dev.baton.bench.stream;

import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.media.StreamTransport;
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Image;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.logbuffer.FragmentHandler;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.agrona.IoUtil;
import org.agrona.concurrent.IdleStrategy;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The yardstick: what Aeron alone moves with the stream's own settings ({@link StreamTransport}):
 * two media drivers, one exclusive publication that offers a ready buffer, and a subscriber that
 * counts bytes.
 *
 * <p>The one class outside kvstream that may use Aeron.
 */
final class RawStream implements AutoCloseable {
  private static final int STREAM = 2;
  private static final int FRAGMENT_LIMIT = 32;
  private static final int OFFERS_A_TURN = 16;
  private static final long CONNECT_LIMIT_NS = TimeUnit.SECONDS.toNanos(10);

  private final StreamTransport transport;
  private final CpuMeter cpu = new CpuMeter();
  private final Path folder;
  private final MediaDriver sendDriver;
  private final MediaDriver receiveDriver;
  private final Aeron sender;
  private final Aeron receiver;
  private final Subscription subscription;
  private final ExclusivePublication publication;
  private final Thread cleanUp = new Thread(this::shutDown, "baton-bench-raw-clean-up");
  private boolean closed;

  /** Starts both drivers and connects the stream; {@code config.mtuBytes()} is set. */
  RawStream(StreamConfig config) {
    this.transport = new StreamTransport(config, config.mtuBytes());
    try {
      this.folder = Files.createTempDirectory(config.directoryParent(), "baton-bench-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Set<Long> known = CpuMeter.threads();
    this.sendDriver = MediaDriver.launch(transport.driver(folder.resolve("send")));
    cpu.adopt(known, "send");
    known = CpuMeter.threads();
    this.receiveDriver = MediaDriver.launch(transport.driver(folder.resolve("receive")));
    cpu.adopt(known, "receive");
    this.sender = client(sendDriver);
    this.receiver = client(receiveDriver);
    Runtime.getRuntime().addShutdownHook(cleanUp);
    this.subscription = receiver.addSubscription("aeron:udp?endpoint=127.0.0.1:0", STREAM);
    await(() -> !subscription.localSocketAddresses().isEmpty());
    String channel =
        transport.channel(subscription.localSocketAddresses().getFirst(), config.kvTermBytes());
    this.publication = sender.addExclusivePublication(channel, STREAM);
    await(() -> publication.isConnected() && subscription.imageCount() > 0);
  }

  private static Aeron client(MediaDriver driver) {
    return Aeron.connect(
        new Aeron.Context()
            .aeronDirectoryName(driver.aeronDirectoryName())
            .useConductorAgentInvoker(true));
  }

  private static Thread daemon(Runnable loop) {
    Thread thread = new Thread(loop);
    thread.setDaemon(true);
    return thread;
  }

  private void await(java.util.function.BooleanSupplier condition) {
    long deadlineNs = System.nanoTime() + CONNECT_LIMIT_NS;
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - deadlineNs > 0) {
        throw new IllegalStateException("raw Aeron did not connect over loopback within 10 s");
      }
      sender.conductorAgentInvoker().invoke();
      receiver.conductorAgentInvoker().invoke();
      LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(100));
    }
  }

  /**
   * Moves {@code bytes}, rounded up to whole messages of {@code messageBytes}: one and the same
   * message, which the caches never lose. The time goes from the first offer until the subscriber
   * has counted the last byte.
   */
  Round move(long bytes, int messageBytes) throws InterruptedException {
    UnsafeBuffer message = new UnsafeBuffer(ByteBuffer.allocateDirect(messageBytes));
    return move(bytes, messageBytes, message, null);
  }

  /** The same out of one memory and into another, both too large for the caches. */
  Round move(long bytes, int messageBytes, MemorySegment from, MemorySegment to)
      throws InterruptedException {
    return move(bytes, messageBytes, whole(from), whole(to));
  }

  private static UnsafeBuffer whole(MemorySegment memory) {
    return new UnsafeBuffer(memory.address(), Math.toIntExact(memory.byteSize()));
  }

  private Round move(long bytes, int messageBytes, UnsafeBuffer from, @Nullable UnsafeBuffer to)
      throws InterruptedException {
    long messages = Math.ceilDiv(bytes, (long) messageBytes);
    long total = messages * messageBytes;
    CountDownLatch counted = new CountDownLatch(1);
    CountDownLatch measured = new CountDownLatch(1);
    long[] endNs = new long[1];
    Thread subscriber =
        daemon(() -> {
          count(total, to);
          endNs[0] = System.nanoTime();
          counted.countDown();
          hold(measured);
        });
    Thread publisher =
        daemon(() -> {
          offer(messages, messageBytes, from, counted);
          hold(measured);
        });
    cpu.adopt(subscriber, "receive client");
    cpu.adopt(publisher, "send client");
    transport.busy(true);
    cpu.start();
    long startNs = System.nanoTime();
    subscriber.start();
    publisher.start();
    counted.await();
    Round round = new Round(total, endNs[0] - startNs, cpu.stop());
    transport.busy(false);
    measured.countDown();
    subscriber.join();
    publisher.join();
    return round;
  }

  /** A thread's CPU time can be asked for only while it lives. */
  private static void hold(CountDownLatch measured) {
    try {
      measured.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void count(long total, @Nullable UnsafeBuffer to) {
    long[] got = new long[1];
    FragmentHandler counter =
        (buffer, offset, length, header) -> {
          if (to != null) {
            buffer.getBytes(offset, to, (int) (got[0] % (to.capacity() - length)), length);
          }
          got[0] += length;
        };
    Image image = subscription.imageAtIndex(0);
    IdleStrategy idle = transport.idleStrategy();
    while (got[0] < total) {
      idle.idle(receiver.conductorAgentInvoker().invoke() + image.poll(counter, FRAGMENT_LIMIT));
    }
  }

  private void offer(long messages, int messageBytes, UnsafeBuffer from, CountDownLatch counted) {
    int places = from.capacity() / messageBytes;
    IdleStrategy idle = transport.idleStrategy();
    long left = messages;
    while (counted.getCount() > 0) {
      int work = sender.conductorAgentInvoker().invoke();
      for (int i = 0; i < OFFERS_A_TURN && left > 0; i++) {
        int at = (int) (left % places) * messageBytes;
        if (publication.offer(from, at, messageBytes) <= 0) {
          break;
        }
        left--;
        work++;
      }
      idle.idle(work);
    }
  }

  private synchronized void shutDown() {
    if (!closed) {
      closed = true;
      sender.close();
      receiver.close();
      sendDriver.close();
      receiveDriver.close();
      IoUtil.delete(folder.toFile(), true);
    }
  }

  @Override
  public void close() {
    shutDown();
    try {
      Runtime.getRuntime().removeShutdownHook(cleanUp);
    } catch (IllegalStateException _) {
      // The process is ending; the hook has nothing left to do.
    }
  }
}
