package dev.baton.http;

import java.time.Duration;

/**
 * What one client may cost.
 *
 * @param connections open at once; one more is closed
 * @param headBytes of a request's first line and headers
 * @param bodyBytes of a request's body
 * @param head how long a request may take to arrive, and a connection be idle
 * @param unread how long a client may leave an answer unread
 */
public record HttpLimits(
    int connections, int headBytes, int bodyBytes, Duration head, Duration unread) {
  public HttpLimits {
    if (connections < 1 || headBytes < 1 || bodyBytes < 0) {
      throw new IllegalArgumentException(
          connections + " connections, " + headBytes + " bytes of headers, " + bodyBytes);
    }
  }

  /** 1,024 connections, 64 KiB of headers, 64 MiB of body, a minute for each. */
  public static HttpLimits usual() {
    return new HttpLimits(1024, 64 << 10, 64 << 20, Duration.ofSeconds(60), Duration.ofSeconds(60));
  }
}
