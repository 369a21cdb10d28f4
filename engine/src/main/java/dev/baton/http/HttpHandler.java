package dev.baton.http;

/** Answers requests. Each call has a virtual thread of its own. */
public interface HttpHandler {
  /**
   * Looks at a request whose body has not come yet, on the event loop: it may not wait.
   *
   * @throws HttpException to refuse it before its body is read
   */
  default void admit(HttpExchange head) throws HttpException {}

  /**
   * Answers it; who returns without having done so has answered 500.
   *
   * @throws HttpException for an answer that says what is wrong with the request
   * @throws InterruptedException when the server ends
   */
  void handle(HttpExchange exchange) throws HttpException, InterruptedException;

  /** What a client is sent that is told of an error. */
  byte[] errorBody(HttpExchange exchange, HttpException error);
}
