package dev.baton.http;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A request and its answer, which is sent once: whole, or as a stream. Any thread may ask; one at a
 * time answers.
 */
public final class HttpExchange {
  private final HttpRequest request;
  private final QueryStringDecoder uri;
  private final Channel channel;
  private final HttpLimits limits;
  private final Object lock = new Object();
  private final List<Runnable> whenLost = new ArrayList<>(); // guarded by lock
  private byte[] body = {};
  private boolean lost; // guarded by lock
  private boolean answered; // guarded by lock
  private volatile boolean closes; // the connection, behind the answer
  private final Map<String, String> headers = new LinkedHashMap<>();
  private volatile @Nullable HttpStream stream;

  HttpExchange(HttpRequest request, Channel channel, HttpLimits limits) {
    this.request = request;
    this.uri = new QueryStringDecoder(request.uri());
    this.channel = channel;
    this.limits = limits;
  }

  /** In upper case. */
  public String method() {
    return request.method().name();
  }

  /** Decoded, without the query. */
  public String path() {
    return uri.path();
  }

  public Optional<String> query(String name) {
    List<String> values = uri.parameters().get(name);
    return values == null ? Optional.empty() : Optional.of(values.getFirst());
  }

  /** The first header of that name, whatever its case. */
  public Optional<String> header(String name) {
    return Optional.ofNullable(request.headers().get(name));
  }

  /** The body, whole. */
  public byte[] body() {
    return body;
  }

  void body(byte[] bytes) {
    body = bytes;
  }

  /** Sent with the answer, whatever that is. */
  public void sendHeader(String name, String value) {
    headers.put(name, value);
  }

  /** Closes the connection behind the answer. */
  void closeBehind() {
    closes = true;
  }

  /** Has {@code action} run once when the client is gone; at once where it is already. */
  public void onLost(Runnable action) {
    synchronized (lock) {
      if (!lost) {
        whenLost.add(action);
        return;
      }
    }
    action.run();
  }

  /** Whether the client is gone. */
  public boolean isLost() {
    synchronized (lock) {
      return lost;
    }
  }

  void lose() {
    List<Runnable> actions;
    synchronized (lock) {
      if (lost) {
        return;
      }
      lost = true;
      actions = List.copyOf(whenLost);
      whenLost.clear();
    }
    actions.forEach(Runnable::run);
  }

  /** Whether an answer was begun. */
  public boolean isAnswered() {
    synchronized (lock) {
      return answered;
    }
  }

  private void begin() {
    synchronized (lock) {
      if (answered) {
        throw new IllegalStateException("a request is answered once");
      }
      answered = true;
    }
  }

  /** Sends a whole answer. */
  public void send(int status, String contentType, byte[] bytes) {
    begin();
    boolean isHead = request.method().equals(HttpMethod.HEAD);
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(status),
            isHead ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(bytes));
    fill(response.headers(), contentType);
    response.headers().set(HttpHeaderNames.CONTENT_LENGTH, bytes.length);
    var _ = channel.writeAndFlush(response);
  }

  /** Begins an answer whose length is not known. */
  public HttpStream stream(int status, String contentType) {
    begin();
    HttpResponse response =
        new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status));
    fill(response.headers(), contentType);
    response.headers().set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_CACHE);
    if (request.protocolVersion().isKeepAliveDefault()) {
      response.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
    } else {
      closeBehind(); // HTTP/1.0: the end of the connection is that of the answer
    }
    var _ = channel.writeAndFlush(response);
    HttpStream begun = new HttpStream(channel, limits, this);
    stream = begun;
    return begun;
  }

  private void fill(HttpHeaders to, String contentType) {
    to.set(HttpHeaderNames.CONTENT_TYPE, contentType);
    headers.forEach(to::set);
    if (closes || !HttpUtil.isKeepAlive(request)) {
      closes = true;
      to.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    }
  }

  /** What is sent piece by piece, where that was begun. */
  @Nullable HttpStream openStream() {
    return stream;
  }

  /** Ends the connection: what was begun of the answer is not whole. */
  void abort() {
    var _ = channel.close();
  }

  boolean closes() {
    return closes;
  }
}
