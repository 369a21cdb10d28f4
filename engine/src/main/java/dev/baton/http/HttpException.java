package dev.baton.http;

import java.util.Map;

/** A request that is answered with an error; the message is for whoever sent it. */
public class HttpException extends Exception {
  private static final long serialVersionUID = 1;

  private final int status;
  private final transient Map<String, String> headers;

  public HttpException(int status, String message) {
    this(status, message, Map.of());
  }

  /**
   * @param headers that are sent with it, like Retry-After
   */
  public HttpException(int status, String message, Map<String, String> headers) {
    super(message, null, false, false);
    this.status = status;
    this.headers = Map.copyOf(headers);
  }

  public int status() {
    return status;
  }

  public Map<String, String> headers() {
    return headers;
  }
}
