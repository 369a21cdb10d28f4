package dev.baton.server;

import dev.baton.http.HttpLimits;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How to serve.
 *
 * @param listen where
 * @param keys of which each request has to name one; empty where none is asked for, which only a
 *     loopback address may do
 * @param origin the web page, like {@code http://localhost:3000}, whose scripts may ask; null for
 *     none
 * @param http what one client may cost
 * @param maxQueue requests that may wait beside those that are answered; one more is refused
 */
public record ServerConfig(
    InetSocketAddress listen,
    List<String> keys,
    @Nullable String origin,
    HttpLimits http,
    int maxQueue) {
  public ServerConfig {
    keys = List.copyOf(keys);
    if (keys.isEmpty() && !listen.getAddress().isLoopbackAddress()) {
      throw new IllegalArgumentException(
          "without a key only this machine is served: listen on 127.0.0.1, or give a file of keys"
              + " (--api-key-file)");
    }
    if (maxQueue < 0) {
      throw new IllegalArgumentException("a queue is not negative, got " + maxQueue);
    }
  }
}
