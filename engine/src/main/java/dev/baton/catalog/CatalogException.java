package dev.baton.catalog;

import dev.baton.failure.ExplainedException;

/** A model cannot be found or brought; the message says which, why, and what to do, in one line. */
public final class CatalogException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  public CatalogException(String message) {
    super(message);
  }

  public CatalogException(String message, Throwable cause) {
    super(message, cause);
  }
}
