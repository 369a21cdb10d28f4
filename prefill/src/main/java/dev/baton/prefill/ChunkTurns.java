package dev.baton.prefill;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Whose chunk is next, of all orders under way. The order with the least work left goes first, so
 * that a short prompt is not stuck behind a long one; but every {@link #PATIENT_EVERY}th chunk goes
 * to the order whose last chunk (or whose arrival) is the longest ago, so that a long prompt always
 * gets on. Of equals the one that waits longer is chosen.
 *
 * <p>With n orders under way, each gets a chunk at least once in n times {@link #PATIENT_EVERY}.
 * Not safe for use by several threads at a time.
 */
final class ChunkTurns<T extends ChunkTurns.Work> {
  /** One chunk in this many goes to the order that has waited longest. */
  static final int PATIENT_EVERY = 4;

  /** Work that is done in chunks. */
  interface Work {
    /** What is left to do, in any unit that all works share. */
    long remaining();

    /** False while its next chunk would only wait: others are done meanwhile. */
    default boolean isReady() {
      return true;
    }
  }

  private final List<T> waitingLongestFirst = new ArrayList<>();
  private int chunks;

  /** Adds new work at the end of the line. */
  void add(T work) {
    waitingLongestFirst.add(work);
  }

  void remove(T work) {
    waitingLongestFirst.remove(work);
  }

  void forEach(Consumer<T> action) {
    waitingLongestFirst.forEach(action);
  }

  /** Removes all, and does something with each. */
  void clear(Consumer<T> action) {
    waitingLongestFirst.forEach(action);
    waitingLongestFirst.clear();
  }

  int size() {
    return waitingLongestFirst.size();
  }

  boolean contains(T work) {
    return waitingLongestFirst.contains(work);
  }

  /**
   * The work to do a chunk of now; it then stands at the end of the line. Null when none is ready.
   */
  @Nullable T next() {
    boolean patient = (chunks + 1) % PATIENT_EVERY == 0;
    int chosen = -1;
    for (int i = 0; i < waitingLongestFirst.size() && !(patient && chosen >= 0); i++) {
      T work = waitingLongestFirst.get(i);
      if (work.isReady()
          && (chosen < 0 || work.remaining() < waitingLongestFirst.get(chosen).remaining())) {
        chosen = i;
      }
    }
    if (chosen < 0) {
      return null;
    }
    chunks++;
    T work = waitingLongestFirst.remove(chosen);
    waitingLongestFirst.add(work);
    return work;
  }
}
