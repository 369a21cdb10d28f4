package dev.baton.http;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * An answer that is sent piece by piece. Who writes waits while the client reads slower than that,
 * so that what is unread is bounded. Any thread; close it.
 */
public final class HttpStream implements AutoCloseable {
  private final Channel channel;
  private final HttpLimits limits;
  private final HttpExchange exchange;
  private final Object lock = new Object();
  private long writtenNs = System.nanoTime(); // guarded by lock
  private boolean closed; // guarded by lock
  private @Nullable ScheduledFuture<?> keepAlive; // guarded by lock

  HttpStream(Channel channel, HttpLimits limits, HttpExchange exchange) {
    this.channel = channel;
    this.limits = limits;
    this.exchange = exchange;
  }

  /** The client reads again, or is gone. */
  void wake() {
    synchronized (lock) {
      lock.notifyAll();
    }
  }

  /**
   * Sends a piece; waits while too much is unread.
   *
   * @throws LostClientException when the client is gone, or does not read
   * @throws InterruptedException when the waiting thread is interrupted
   */
  public void write(String text) throws LostClientException, InterruptedException {
    long untilNs = System.nanoTime() + limits.unread().toNanos();
    synchronized (lock) {
      while (!channel.isWritable() && !exchange.isLost()) {
        long leftMs = (untilNs - System.nanoTime()) / 1_000_000;
        if (leftMs <= 0) {
          var _ = channel.close();
          throw new LostClientException();
        }
        lock.wait(leftMs);
      }
      if (exchange.isLost()) {
        throw new LostClientException();
      }
      send(text);
    }
  }

  private void send(String text) {
    synchronized (lock) {
      if (!closed) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        var _ = channel.writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(bytes)));
        writtenNs = System.nanoTime();
      }
    }
  }

  /** Has something sent whenever nothing else was for so long, so that nobody gives up. */
  public void keepAlive(Duration quiet, Supplier<String> sent) {
    long periodMs = Math.max(1, quiet.toMillis() / 4);
    synchronized (lock) {
      keepAlive =
          channel
              .eventLoop()
              .scheduleAtFixedRate(
                  () -> {
                    synchronized (lock) {
                      boolean isQuiet = System.nanoTime() - writtenNs >= quiet.toNanos();
                      if (isQuiet && channel.isWritable() && !exchange.isLost()) {
                        send(sent.get());
                      }
                    }
                  },
                  periodMs,
                  periodMs,
                  TimeUnit.MILLISECONDS);
    }
  }

  /** Ends the answer. Twice is fine. */
  @Override
  public void close() {
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
      if (keepAlive != null) {
        keepAlive.cancel(false);
      }
      var _ = channel.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
    }
  }
}
