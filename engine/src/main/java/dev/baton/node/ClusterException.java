package dev.baton.node;

import dev.baton.failure.ExplainedException;

/** A node that cannot be started or reached; the message says which, why, and what to do. */
public final class ClusterException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  public ClusterException(String message) {
    super(message);
  }

  public ClusterException(String message, Throwable cause) {
    super(message, cause);
  }
}
