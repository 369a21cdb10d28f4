package dev.baton.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One client's connection, on the event loop: its requests are answered one after the other, each
 * by a thread of its own, while the connection is still read, so that its end is seen at once.
 */
final class HttpConnection extends SimpleChannelInboundHandler<HttpObject> {
  /** The server takes no more requests. */
  static final Object DRAIN = new Object();

  /** Requests that may wait behind the one that is answered. */
  private static final int MOST_WAITING = 16;

  private static final System.Logger LOG = System.getLogger("dev.baton.http");

  private final HttpServer server;
  private final Deque<HttpExchange> waiting = new ArrayDeque<>();
  private @Nullable HttpExchange arriving; // whose body comes
  private @Nullable HttpExchange current; // that is answered
  private final ByteArrayOutputStream body = new ByteArrayOutputStream();
  private boolean refusing; // what comes is of a request that was refused
  private long quietSinceNs = System.nanoTime(); // nothing was to be answered

  HttpConnection(HttpServer server) {
    this.server = server;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    if (!server.opened(context.channel())) {
      var _ = context.close();
      return;
    }
    long periodMs = Math.max(1, server.limits().head().toMillis() / 4);
    ScheduledFuture<?> looks =
        context
            .executor()
            .scheduleAtFixedRate(
                () -> closeIfQuiet(context), periodMs, periodMs, TimeUnit.MILLISECONDS);
    var _ = context.channel().closeFuture().addListener(_ -> looks.cancel(false));
  }

  /** However a client dribbles: a request has to arrive in its time. */
  private void closeIfQuiet(ChannelHandlerContext context) {
    boolean isLate = System.nanoTime() - quietSinceNs > server.limits().head().toNanos();
    if (current == null && isLate) {
      var _ = context.close();
    }
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, HttpObject message) {
    if (refusing) {
      return; // its connection is being closed
    }
    if (message instanceof HttpRequest request) {
      head(context, request);
    }
    if (message instanceof HttpContent content && arriving != null) {
      body(content.content(), content instanceof LastHttpContent, context);
    }
  }

  private void head(ChannelHandlerContext context, HttpRequest request) {
    HttpLimits limits = server.limits();
    HttpExchange exchange = new HttpExchange(request, context.channel(), limits);
    if (request.decoderResult().isFailure()) {
      refuse(exchange, new HttpException(400, "this is no HTTP request that is understood"));
      return;
    }
    try {
      if (server.isDraining()) {
        throw new HttpException(503, "the server is being ended");
      }
      if (HttpUtil.getContentLength(request, 0L) > limits.bodyBytes()) {
        throw tooLarge();
      }
      server.handler().admit(exchange);
    } catch (HttpException e) {
      refuse(exchange, e);
      return;
    } catch (RuntimeException e) {
      refuse(exchange, failed(e));
      return;
    }
    if (HttpUtil.is100ContinueExpected(request)) {
      var _ =
          context.writeAndFlush(
              new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE));
    }
    arriving = exchange;
    body.reset();
  }

  private HttpException tooLarge() {
    return new HttpException(
        413, "the body is larger than " + server.limits().bodyBytes() + " bytes");
  }

  private static HttpException failed(Throwable e) {
    LOG.log(System.Logger.Level.WARNING, "a request failed: " + e);
    LOG.log(System.Logger.Level.DEBUG, "what failed", e);
    return new HttpException(500, "the server failed; its log says why");
  }

  /** Answers without having read the rest of what the client sends. */
  private void refuse(HttpExchange exchange, HttpException why) {
    refusing = true;
    arriving = null;
    exchange.closeBehind();
    if (current == null) {
      current = exchange;
      sendError(exchange, why);
    } else {
      current.closeBehind();
    }
  }

  private void body(ByteBuf bytes, boolean isLast, ChannelHandlerContext context) {
    HttpExchange exchange = arriving;
    if (exchange == null) {
      return;
    }
    if (body.size() + bytes.readableBytes() > server.limits().bodyBytes()) {
      refuse(exchange, tooLarge());
      return;
    }
    try {
      bytes.readBytes(body, bytes.readableBytes());
    } catch (IOException e) {
      throw new IllegalStateException(e); // it writes into memory
    }
    if (isLast) {
      arriving = null;
      exchange.body(body.toByteArray());
      body.reset();
      waiting.add(exchange);
      if (waiting.size() > MOST_WAITING) {
        var _ = context.close();
      }
      next();
    }
  }

  private void next() {
    if (current == null && !waiting.isEmpty()) {
      HttpExchange exchange = waiting.remove();
      current = exchange;
      Thread.ofVirtual().name("baton-request").start(() -> answer(exchange));
    }
  }

  private void answer(HttpExchange exchange) {
    try {
      server.handler().handle(exchange);
      if (!exchange.isAnswered()) {
        throw new IllegalStateException("nobody answered " + exchange.path());
      }
    } catch (LostClientException _) {
      // Nobody is there to be told of it.
    } catch (HttpException e) {
      sendError(exchange, e);
    } catch (InterruptedException _) {
      sendError(exchange, new HttpException(503, "the server is being ended"));
    } catch (Throwable e) { // a request's fault ends the request
      sendError(exchange, failed(e));
    } finally {
      HttpStream stream = exchange.openStream();
      if (stream != null) {
        stream.close();
      }
    }
  }

  private void sendError(HttpExchange exchange, HttpException error) {
    if (exchange.isAnswered()) {
      exchange.abort(); // what was begun cannot be taken back, and its end has to be seen
      return;
    }
    error.headers().forEach(exchange::sendHeader);
    exchange.send(error.status(), "application/json", server.handler().errorBody(exchange, error));
  }

  /** The answer that was sent is whole: the next request's turn. */
  void answered(ChannelHandlerContext context) {
    HttpExchange exchange = current;
    current = null;
    quietSinceNs = System.nanoTime();
    if (exchange != null && exchange.closes()) {
      var _ = context.close();
    } else {
      next();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    HttpExchange exchange = current;
    HttpStream stream = exchange == null ? null : exchange.openStream();
    if (stream != null) {
      stream.wake();
    }
    context.fireChannelWritabilityChanged();
  }

  /** Nobody is thrown out whose request is being answered. */
  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    HttpExchange exchange = current;
    if (event == DRAIN && exchange == null) {
      var _ = context.close();
    } else if (event == DRAIN && exchange != null) {
      exchange.closeBehind();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    server.closed(context.channel());
    HttpExchange exchange = current;
    if (exchange != null) {
      exchange.lose();
      HttpStream stream = exchange.openStream();
      if (stream != null) {
        stream.wake();
      }
    }
    waiting.clear();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    LOG.log(System.Logger.Level.DEBUG, "a connection failed", cause);
    var _ = context.close();
  }
}
