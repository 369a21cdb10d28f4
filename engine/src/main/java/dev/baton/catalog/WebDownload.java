package dev.baton.catalog;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;

/**
 * Downloads a file by HTTP into its part file and goes on where an earlier download broke off (RFC
 * 9110, section 14). Each request may take any time as long as bytes keep coming.
 */
final class WebDownload {
  /** A download that brings nothing for so long is given up. */
  static final Duration STALL = Duration.ofSeconds(30);

  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
  private static final int BUFFER_BYTES = 1 << 16;
  private static final int MAX_ATTEMPTS = 20;

  private final Duration stall;

  WebDownload(Duration stall) {
    this.stall = stall;
  }

  /**
   * Leaves {@code file} with the model's bytes; a part that was there before is continued, or
   * thrown away where it does not fit.
   */
  void fetch(CatalogModel model, ModelSource.Web source, Path file, PullProgress progress)
      throws IOException, SourceException {
    Path part = VerifiedFile.part(file);
    boolean continued = sizeOf(part) > 0;
    try (HttpClient client =
        HttpClient.newBuilder()
            .connectTimeout(CONNECT_TIMEOUT)
            .followRedirects(HttpClient.Redirect.NORMAL)
            .build()) {
      Transfer transfer = new Transfer(client, source, model.sizeBytes(), part, progress);
      transfer.complete();
      try {
        VerifiedFile.commit(model, file);
      } catch (SourceException e) {
        if (!continued) {
          throw e;
        }
        progress.note("the earlier, broken-off download does not fit; starting afresh");
        transfer.complete();
        VerifiedFile.commit(model, file);
      }
    }
  }

  private static long sizeOf(Path part) throws IOException {
    return Files.exists(part) ? Files.size(part) : 0;
  }

  /** One file's way from one address into its part file. */
  private final class Transfer {
    private final HttpClient client;
    private final ModelSource.Web source;
    private final long sizeBytes;
    private final Path part;
    private final PullProgress progress;

    Transfer(
        HttpClient client,
        ModelSource.Web source,
        long sizeBytes,
        Path part,
        PullProgress progress) {
      this.client = client;
      this.source = source;
      this.sizeBytes = sizeBytes;
      this.part = part;
      this.progress = progress;
    }

    /**
     * Asks until the part has its full size. A request that broke off is repeated only if it
     * brought something.
     */
    void complete() throws IOException, SourceException {
      progress.begin(source.label(), sizeBytes);
      if (sizeOf(part) > sizeBytes) {
        Files.delete(part);
      }
      for (int attempt = 1; sizeOf(part) < sizeBytes; attempt++) {
        long before = sizeOf(part);
        if (attempt > MAX_ATTEMPTS) {
          throw new SourceException("broke off " + MAX_ATTEMPTS + " times; call again to go on");
        }
        try {
          request(before);
        } catch (SourceException e) {
          if (sizeOf(part) <= before) {
            throw e;
          }
        }
      }
    }

    private void request(long from) throws IOException, SourceException {
      HttpRequest.Builder request =
          HttpRequest.newBuilder(source.uri()).timeout(stall).header("User-Agent", "baton");
      if (from > 0) {
        request.header("Range", "bytes=" + from + "-");
      }
      HttpResponse<InputStream> response = send(request.build());
      try (InputStream body = response.body()) {
        switch (response.statusCode()) {
          case 200 -> {
            requireSize(response.headers().firstValueAsLong("Content-Length").orElse(sizeBytes));
            copy(body, 0);
          }
          case 206 -> {
            String range = response.headers().firstValue("Content-Range").orElse("");
            if (!range.startsWith("bytes " + from + "-")) {
              throw new SourceException(
                  "answered with the range '"
                      + range
                      + "' and was asked for the bytes from "
                      + from);
            }
            requireSize(totalOf(range));
            copy(body, from);
          }
          default -> {
            // 416: what is there is no beginning of the server's file.
            if (response.statusCode() != 416 || from == 0) {
              throw new SourceException("answered with HTTP status " + response.statusCode());
            }
            Files.delete(part);
          }
        }
      }
    }

    private HttpResponse<InputStream> send(HttpRequest request) throws SourceException {
      try {
        return client.send(request, HttpResponse.BodyHandlers.ofInputStream());
      } catch (IOException e) {
        throw new SourceException(Reason.of(e), e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new SourceException("interrupted", e);
      }
    }

    private void requireSize(long bytes) throws SourceException {
      if (bytes != sizeBytes) {
        throw new SourceException(
            "has a file of " + bytes + " bytes, not the pinned one of " + sizeBytes);
      }
    }

    private void copy(InputStream body, long from) throws IOException, SourceException {
      byte[] buffer = new byte[BUFFER_BYTES];
      long there = from;
      try (OutputStream out =
              Files.newOutputStream(
                  part,
                  StandardOpenOption.CREATE,
                  from == 0 ? StandardOpenOption.TRUNCATE_EXISTING : StandardOpenOption.APPEND,
                  StandardOpenOption.WRITE);
          StallGuard guard = new StallGuard(body, stall)) {
        while (there < sizeBytes) {
          int n = guard.read(buffer, (int) Math.min(buffer.length, sizeBytes - there));
          if (n < 0) {
            throw new SourceException("broke off after " + there + " of " + sizeBytes + " bytes");
          }
          out.write(buffer, 0, n);
          there += n;
          progress.advance(there);
        }
      }
    }

    private static long totalOf(String contentRange) throws SourceException {
      try {
        return Long.parseLong(contentRange.substring(contentRange.indexOf('/') + 1));
      } catch (NumberFormatException e) {
        throw new SourceException(
            "answered with the range '" + contentRange + "', which names no size", e);
      }
    }
  }

  /**
   * Ends a read that waits too long, which the HTTP client's own timeout, over once the headers are
   * there, does not do.
   */
  private static final class StallGuard implements AutoCloseable {
    private final InputStream body;
    private final Duration stall;
    private final Thread watcher;
    private volatile long lastReadNs = System.nanoTime();
    private volatile boolean stalled;

    StallGuard(InputStream body, Duration stall) {
      this.body = body;
      this.stall = stall;
      this.watcher = Thread.ofVirtual().name("baton-stall-guard").start(this::watch);
    }

    int read(byte[] buffer, int length) throws SourceException {
      try {
        int n = body.read(buffer, 0, length);
        lastReadNs = System.nanoTime();
        return n;
      } catch (IOException e) {
        throw new SourceException(
            stalled ? "sent nothing for " + stall.toSeconds() + " s" : Reason.of(e), e);
      }
    }

    private void watch() {
      try {
        for (long leftNs = stall.toNanos();
            leftNs > 0;
            leftNs = stall.toNanos() - (System.nanoTime() - lastReadNs)) {
          Thread.sleep(Duration.ofNanos(leftNs));
        }
        stalled = true;
        body.close();
      } catch (InterruptedException | IOException _) {
        // The read is over, or ends by itself.
      }
    }

    @Override
    public void close() {
      watcher.interrupt();
    }
  }
}
