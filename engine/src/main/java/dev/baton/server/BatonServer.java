package dev.baton.server;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.http.HttpException;
import dev.baton.http.HttpServer;
import dev.baton.server.api.Answers;
import dev.baton.server.api.Api;
import dev.baton.server.api.ServedModels;
import dev.baton.server.openai.OpenAi;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * Models behind HTTP. The engines are the caller's, who closes them after it. Any thread.
 *
 * <p>Beside the APIs: {@code GET /health} and {@code GET /metrics}.
 */
public final class BatonServer implements AutoCloseable {
  private final HttpServer http;

  private BatonServer(HttpServer http) {
    this.http = http;
  }

  /**
   * Listens.
   *
   * @throws java.io.UncheckedIOException when it cannot
   */
  public static BatonServer start(ServerConfig config, ServedModels models)
      throws InterruptedException {
    Answers answers = new Answers(models, config.maxQueue());
    Api house = new House(models);
    List<Api> apis = List.of(new OpenAi(models, answers), house);
    Router router = new Router(new Access(config), apis);
    return new BatonServer(HttpServer.start(config.listen(), router, config.http()));
  }

  /** What is asked of the server itself. */
  private record House(ServedModels models) implements Api {
    @Override
    public Map<String, Endpoint> endpoints() {
      return Map.of(
          "GET /health",
          exchange -> exchange.send(200, "application/json", "{\"status\":\"ok\"}".getBytes(UTF_8)),
          "GET /metrics",
          exchange ->
              exchange.send(
                  200,
                  "text/plain; version=0.0.4; charset=utf-8",
                  models.all().getFirst().engine().metricsText().getBytes(UTF_8)));
    }

    @Override
    public boolean owns(String path) {
      return false;
    }

    @Override
    public byte[] error(HttpException error) {
      return "{}".getBytes(UTF_8);
    }
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return http.address();
  }

  /**
   * Takes no more requests, and waits for those that are being answered.
   *
   * @return false when some were not through in time
   */
  public boolean drain(Duration grace) throws InterruptedException {
    return http.drain(grace);
  }

  /** Ends all requests. Twice is fine. */
  @Override
  public void close() {
    http.close();
  }
}
