package dev.baton.server.api;

import dev.baton.http.HttpException;

/** A request names a model that is not served. */
public final class ModelNotFoundException extends HttpException {
  private static final long serialVersionUID = 1;

  ModelNotFoundException(String message) {
    super(404, message);
  }
}
