package dev.baton.kvstream;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A node's prefill side as the stream sees it. All methods are called by the stream thread and
 * return at once.
 */
public interface PrefillService {
  /**
   * Takes an order, to be computed on a thread of the service's own, or refuses it.
   *
   * @param sender where finished slices go; the service calls it from one compute thread
   * @return null when accepted, else the reason for the caller, one line
   */
  @Nullable String accept(PrefillOrder order, KvSender sender);

  /** What a node holds of a prompt, and how much stands before a new order. */
  record Standing(List<PrefixHits.Held> held, int queueMs, int freeTokens) {}

  /** What is held of a prompt: nothing, where nothing is kept. */
  default Standing standing(PrefixQuery query) {
    return new Standing(List.of(), 0, 0);
  }

  /**
   * The session is over: all that was handed over has arrived, or {@link KvSender#isOver} turned
   * true before (abort, lost peer, ended lease). The stream no longer reads the session's {@link
   * KvSource}; its blocks may be freed once the compute thread has let go of them too.
   */
  void released(long sessionId);

  /** What became of an order, once for each; behind {@link #released}, or when it was refused. */
  default void ended(OrderReport report) {}
}
