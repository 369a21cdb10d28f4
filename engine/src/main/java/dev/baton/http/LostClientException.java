package dev.baton.http;

/** The client closed its connection, or does not read: nobody waits for the answer any more. */
public final class LostClientException extends HttpException {
  private static final long serialVersionUID = 1;

  /** What servers log of such a request. */
  private static final int CLOSED = 499;

  public LostClientException() {
    super(CLOSED, "the client is gone");
  }
}
