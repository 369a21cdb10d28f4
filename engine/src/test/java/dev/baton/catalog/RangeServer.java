package dev.baton.catalog;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A file server with ranges, on this machine alone, that can be told to misbehave. */
final class RangeServer implements AutoCloseable {
  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final List<String> ranges = new CopyOnWriteArrayList<>();
  volatile byte[] content;
  volatile boolean knowsRanges = true;
  volatile int status = 200;

  /** Bytes after which an answer breaks off, or hangs where {@link #hangs}. */
  volatile int breakAfterBytes = Integer.MAX_VALUE;

  volatile boolean hangs;

  RangeServer(byte[] content) throws IOException {
    this.content = content;
    this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext("/", this::answer);
    server.start();
  }

  ModelSource.Web source() {
    return new ModelSource.Web(
        URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/model.gguf"));
  }

  /** The Range header of each request so far; empty where there was none. */
  List<String> ranges() {
    return List.copyOf(ranges);
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String range = exchange.getRequestHeaders().getFirst("Range");
      ranges.add(range == null ? "" : range);
      if (status != 200) {
        exchange.sendResponseHeaders(status, -1);
        return;
      }
      int from = 0;
      if (range != null && knowsRanges) {
        from = Integer.parseInt(range.substring("bytes=".length(), range.length() - 1));
        if (from >= content.length) {
          exchange.sendResponseHeaders(416, -1);
          return;
        }
        exchange
            .getResponseHeaders()
            .set(
                "Content-Range",
                "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
      }
      exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
      OutputStream body = exchange.getResponseBody();
      int count = Math.min(content.length - from, breakAfterBytes);
      body.write(content, from, count);
      body.flush();
      if (hangs) {
        Thread.sleep(60_000);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
