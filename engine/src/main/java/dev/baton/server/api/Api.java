package dev.baton.server.api;

import dev.baton.http.HttpException;
import dev.baton.http.HttpExchange;
import java.util.Map;

/** One API: what it answers under which paths, and how it writes errors. */
public interface Api {
  /** Answers a request. */
  @FunctionalInterface
  interface Endpoint {
    void answer(HttpExchange exchange) throws HttpException, InterruptedException;
  }

  /** By method and path, like {@code POST /v1/completions}; a path may end with {@code /*}. */
  Map<String, Endpoint> endpoints();

  /** Whether paths like this one are its own, so that it writes what went wrong there. */
  boolean owns(String path);

  /** An error in the form that its clients read. */
  byte[] error(HttpException error);
}
