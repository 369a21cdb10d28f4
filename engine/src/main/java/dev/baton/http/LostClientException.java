package dev.baton.http;

/** The client closed its connection, or does not read: nobody waits for the answer any more. */
public final class LostClientException extends RuntimeException {
  private static final long serialVersionUID = 1;

  LostClientException() {
    super("the client is gone", null, false, false);
  }
}
