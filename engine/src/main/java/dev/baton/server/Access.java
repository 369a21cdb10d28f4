package dev.baton.server;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.http.HttpException;
import dev.baton.http.HttpExchange;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Who may ask. Without keys only names of this machine are accepted as Host, so that no web page
 * reaches the server by a name of its own (DNS rebinding). A page's scripts may read answers only
 * where its origin is the one that was allowed. Any thread.
 */
final class Access {
  private static final String BEARER = "Bearer ";

  private final List<byte[]> keys;
  private final @Nullable String origin;
  private final boolean isLocal;

  Access(ServerConfig config) {
    this.keys = config.keys().stream().map(key -> key.getBytes(UTF_8)).toList();
    this.origin = config.origin();
    InetSocketAddress listen = config.listen();
    this.isLocal = listen.getAddress().isLoopbackAddress();
  }

  /**
   * Lets a request in.
   *
   * @return false where it is a page's question whether it may ask, which is then answered
   * @throws HttpException 401 or 403, saying why not
   */
  boolean admit(HttpExchange exchange) throws HttpException {
    if (isLocal && keys.isEmpty() && !isThisMachine(exchange.header("host").orElse(""))) {
      throw new HttpException(
          403, "this server is asked as localhost or 127.0.0.1 alone, unless it has keys");
    }
    Optional<String> from = exchange.header("origin");
    boolean isAllowed = origin != null && from.filter(origin::equals).isPresent();
    if (isAllowed) {
      exchange.sendHeader("Access-Control-Allow-Origin", from.orElseThrow());
      exchange.sendHeader("Vary", "Origin");
    }
    if (exchange.method().equals("OPTIONS")) {
      if (!isAllowed) {
        throw new HttpException(403, "this origin may not ask (--cors allows one)");
      }
      exchange.sendHeader("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
      exchange.sendHeader(
          "Access-Control-Allow-Headers",
          exchange.header("access-control-request-headers").orElse("authorization, content-type"));
      return false;
    }
    if (from.isPresent() && !isAllowed && !isThisMachine(hostOf(from.get()))) {
      throw new HttpException(403, "this origin may not ask (--cors allows one)");
    }
    if (!keys.isEmpty() && keyOf(exchange) == null) {
      throw new HttpException(
          401,
          "an API key is needed: Authorization: Bearer KEY, or x-api-key: KEY",
          Map.of("WWW-Authenticate", "Bearer"));
    }
    return true;
  }

  /** Which of the keys the request names, counted from 0; null for none. */
  @Nullable Integer keyOf(HttpExchange exchange) {
    String given =
        exchange
            .header("authorization")
            .filter(value -> value.regionMatches(true, 0, BEARER, 0, BEARER.length()))
            .map(value -> value.substring(BEARER.length()).strip())
            .or(() -> exchange.header("x-api-key"))
            .orElse("");
    byte[] bytes = given.getBytes(UTF_8);
    Integer found = null;
    for (int i = 0; i < keys.size(); i++) { // all of them, so that time tells nothing
      if (MessageDigest.isEqual(keys.get(i), bytes)) {
        found = i;
      }
    }
    return found;
  }

  private static String hostOf(String url) {
    int at = url.indexOf("://");
    return at < 0 ? url : url.substring(at + 3);
  }

  private static boolean isThisMachine(String hostAndPort) {
    String host = hostAndPort;
    if (host.startsWith("[")) {
      int end = host.indexOf(']');
      host = end < 0 ? "" : host.substring(1, end);
    } else if (host.indexOf(':') >= 0) {
      host = host.substring(0, host.indexOf(':'));
    }
    return host.equalsIgnoreCase("localhost") || host.equals("::1") || isLoopback(host);
  }

  private static boolean isLoopback(String host) {
    try {
      return host.matches("127\\.\\d+\\.\\d+\\.\\d+")
          && InetAddress.ofLiteral(host).isLoopbackAddress();
    } catch (IllegalArgumentException _) {
      return false;
    }
  }
}
