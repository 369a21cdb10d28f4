package dev.baton.server;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.http.HttpException;
import dev.baton.http.HttpExchange;
import dev.baton.http.HttpHandler;
import dev.baton.server.api.Api;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** Finds who answers a request, once it was let in. Any thread. */
final class Router implements HttpHandler {
  private final Access access;
  private final List<Api> apis;
  private final Map<String, Api.Endpoint> endpoints = new HashMap<>();

  /**
   * @param apis the first writes errors that are nobody's
   */
  Router(Access access, List<Api> apis) {
    this.access = access;
    this.apis = List.copyOf(apis);
    for (Api api : apis) {
      api.endpoints()
          .forEach((path, endpoint) -> {
            if (endpoints.put(path, endpoint) != null) {
              throw new IllegalStateException("two answer " + path);
            }
          });
    }
  }

  @Override
  public void admit(HttpExchange head) throws HttpException {
    if (access.admit(head)) {
      Api.Endpoint _ = find(head);
    }
  }

  @Override
  public void handle(HttpExchange exchange) throws HttpException, InterruptedException {
    if (exchange.method().equals("OPTIONS")) {
      exchange.send(204, "text/plain", new byte[0]);
    } else {
      find(exchange).answer(exchange);
    }
  }

  private Api.Endpoint find(HttpExchange exchange) throws HttpException {
    String method = exchange.method().equals("HEAD") ? "GET" : exchange.method();
    String path = exchange.path();
    Api.Endpoint found = endpoints.get(method + " " + path);
    int slash = path.lastIndexOf('/');
    if (found == null && slash > 0) {
      found = endpoints.get(method + " " + path.substring(0, slash) + "/*");
    }
    if (found != null) {
      return found;
    }
    TreeSet<String> methods = new TreeSet<>();
    endpoints.keySet().stream()
        .filter(known -> known.endsWith(" " + path))
        .forEach(known -> methods.add(known.substring(0, known.indexOf(' '))));
    if (methods.isEmpty()) {
      throw new HttpException(404, "there is nothing at " + path);
    }
    String allowed = String.join(", ", methods);
    throw new HttpException(
        405, path + " is asked with " + allowed + ", not " + method, Map.of("Allow", allowed));
  }

  @Override
  public byte[] errorBody(HttpExchange exchange, HttpException error) {
    for (Api api : apis) {
      if (api.owns(exchange.path())) {
        return api.error(error);
      }
    }
    return apis.isEmpty() ? "{}".getBytes(UTF_8) : apis.getFirst().error(error);
  }
}
