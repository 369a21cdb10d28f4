package dev.baton.http;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPromise;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.internal.logging.InternalLoggerFactory;
import io.netty.util.internal.logging.JdkLoggerFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * An HTTP/1.1 server on one event loop thread, which only reads and writes; each request is handled
 * by a virtual thread of its own. Any thread.
 */
public final class HttpServer implements AutoCloseable {
  /** Of an answer that is unread; above the second, who writes waits. */
  private static final WriteBufferWaterMark UNREAD = new WriteBufferWaterMark(32 << 10, 256 << 10);

  private static final int LINE_BYTES = 16 << 10;
  private static final int CHUNK_BYTES = 64 << 10;
  private static final int BACKLOG = 512;
  private static final long POLL_MS = 10;

  static {
    // As all else here, not by whatever other library is about.
    InternalLoggerFactory.setDefaultFactory(JdkLoggerFactory.INSTANCE);
  }

  private final HttpHandler handler;
  private final HttpLimits limits;
  private final EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final Channel listening;
  private final Set<Channel> open = ConcurrentHashMap.newKeySet();
  private volatile boolean draining;

  private HttpServer(InetSocketAddress address, HttpHandler handler, HttpLimits limits)
      throws InterruptedException, IOException {
    this.handler = handler;
    this.limits = limits;
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(loop)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, UNREAD)
            .childHandler(new Connections());
    var bound = bootstrap.bind(address).await();
    if (!bound.isSuccess()) {
      var _ = loop.shutdownGracefully(0, 0, TimeUnit.MILLISECONDS);
      throw new IOException(String.valueOf(bound.cause().getMessage()), bound.cause());
    }
    this.listening = bound.channel();
  }

  private final class Connections extends ChannelInitializer<Channel> {
    @Override
    protected void initChannel(Channel channel) {
      HttpConnection connection = new HttpConnection(HttpServer.this);
      channel
          .pipeline()
          .addLast(new HttpServerCodec(LINE_BYTES, limits.headBytes(), CHUNK_BYTES))
          .addLast(new AnswerEnds(connection))
          .addLast(connection);
    }
  }

  /** Tells a connection when an answer of its was sent whole. */
  private static final class AnswerEnds extends ChannelDuplexHandler {
    private final HttpConnection connection;

    AnswerEnds(HttpConnection connection) {
      this.connection = connection;
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
      boolean isContinue =
          message instanceof HttpResponse response
              && response.status().equals(HttpResponseStatus.CONTINUE);
      if (message instanceof LastHttpContent && !isContinue) {
        var _ = promise.addListener(_ -> connection.answered(context));
      }
      var _ = context.write(message, promise);
    }
  }

  /**
   * Listens.
   *
   * @throws UncheckedIOException when it cannot
   */
  public static HttpServer start(InetSocketAddress address, HttpHandler handler, HttpLimits limits)
      throws InterruptedException {
    try {
      return new HttpServer(address, handler, limits);
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) listening.localAddress();
  }

  /** Connections that are open. */
  public int connections() {
    return open.size();
  }

  HttpHandler handler() {
    return handler;
  }

  HttpLimits limits() {
    return limits;
  }

  boolean isDraining() {
    return draining;
  }

  boolean opened(Channel channel) {
    open.add(channel);
    return open.size() <= limits.connections() && !draining;
  }

  void closed(Channel channel) {
    open.remove(channel);
  }

  /**
   * Takes no more requests, and waits for those that are being answered.
   *
   * @return false when some were not through in time
   */
  public boolean drain(Duration grace) throws InterruptedException {
    draining = true;
    listening.close().await();
    long untilNs = System.nanoTime() + grace.toNanos();
    open.forEach(channel -> channel.pipeline().fireUserEventTriggered(HttpConnection.DRAIN));
    while (!open.isEmpty() && System.nanoTime() < untilNs) {
      Thread.sleep(POLL_MS);
    }
    return open.isEmpty();
  }

  /** Closes all connections. Twice is fine. */
  @Override
  public void close() {
    draining = true;
    var _ = listening.close();
    open.forEach(channel -> {
      var _ = channel.close();
    });
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
