package dev.baton.kvstream.media;

import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.driver.status.SenderPos;
import io.aeron.exceptions.AeronException;
import java.util.function.UnaryOperator;
import org.agrona.DirectBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A publication that the driver is asked for and that is there a little later; nobody waits for it.
 * Its name is known before.
 */
public final class PendingPublication implements ControlChannel {
  /**
   * How a receiver knows it.
   *
   * @param stream Aeron's stream id
   * @param session Aeron's session id
   */
  record StreamName(int stream, int session) {}

  private static final long NOT_ASKED_FOR = -1;

  private final Aeron aeron;
  private final String channel;
  private final StreamName name;
  private long registrationId = NOT_ASKED_FOR;
  private final UnaryOperator<String> explain;
  private @Nullable ExclusivePublication publication;
  private @Nullable String failure;
  private boolean closed;
  private long finalPosition;

  /**
   * @param channel has the same session id as the name
   * @param explain makes one line for the user of what the driver says
   */
  PendingPublication(Aeron aeron, String channel, StreamName name, UnaryOperator<String> explain) {
    this.aeron = aeron;
    this.channel = channel;
    this.name = name;
    this.explain = explain;
  }

  /** Asks the driver for it. Twice is fine. */
  public void open() {
    if (registrationId == NOT_ASKED_FOR && !closed) {
      registrationId = aeron.asyncAddExclusivePublication(channel, name.stream());
    }
  }

  /** Aeron's session id. */
  public int session() {
    return name.session();
  }

  /** The publication, or null while it is not there or when it never will be. */
  public @Nullable ExclusivePublication get() {
    if (publication == null && failure == null && !closed && registrationId != NOT_ASKED_FOR) {
      try {
        publication = aeron.getExclusivePublication(registrationId);
      } catch (AeronException e) {
        failure = explain.apply(String.valueOf(e.getMessage()));
      }
    }
    return publication;
  }

  @Override
  public boolean offer(DirectBuffer message, int length) {
    ExclusivePublication ready = get();
    if (ready == null) {
      return false;
    }
    long result = ready.offer(message, 0, length);
    if (result == Publication.ADMIN_ACTION) {
      result = ready.offer(message, 0, length);
    }
    note(result);
    return result > 0;
  }

  /** Remembers a result after which nothing can be sent any more. */
  public void note(long result) {
    if (result == Publication.CLOSED || result == Publication.MAX_POSITION_EXCEEDED) {
      failure =
          result == Publication.CLOSED ? "the stream was closed" : "the stream has reached its end";
    }
  }

  @Override
  public @Nullable String failure() {
    return failure;
  }

  @Override
  public boolean isDrained() {
    ExclusivePublication ready = publication;
    if (ready == null) {
      return true;
    }
    var counters = aeron.countersReader();
    int sent =
        counters.findByTypeIdAndRegistrationId(SenderPos.SENDER_POSITION_TYPE_ID, registrationId);
    return sent < 0
        || counters.getCounterValue(sent) >= (closed ? finalPosition : ready.position());
  }

  /** Closes without sending what has not left yet, or again what was lost. */
  public void revoke() {
    ExclusivePublication ready = closed ? null : get();
    if (ready != null) {
      ready.revokeOnClose();
    }
    close();
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    ExclusivePublication ready = get();
    if (ready != null) {
      finalPosition = ready.position();
      ready.close();
    } else if (failure == null && registrationId != NOT_ASKED_FOR) {
      aeron.asyncRemovePublication(registrationId);
    }
    closed = true;
  }
}
