package dev.baton.schedule;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Whose chunk is next, of all prompts under way. The one with the least work left goes first, so
 * that a short prompt is not stuck behind a long one; but every {@link #PATIENT_EVERY}th turn is of
 * the one whose last turn (or whose arrival) is the longest ago, so that a long prompt always gets
 * on. Of equals the one that waits longer is chosen.
 *
 * <p>With n works under way, each gets a turn at least once in n times {@link #PATIENT_EVERY}. Not
 * safe for use by several threads at a time; only {@link #add} may allocate.
 */
public final class Turns<T extends Turns.Work> {
  /** One turn in this many is of the work that has waited longest. */
  public static final int PATIENT_EVERY = 4;

  /** Work that is done in chunks. */
  public interface Work {
    /** What is left to do, in any unit that all works share. */
    long remaining();

    /** False while its next chunk would only wait: others are done meanwhile. */
    default boolean isReady() {
      return true;
    }
  }

  private final List<T> waitingLongestFirst = new ArrayList<>();
  private int turns;

  /** Adds new work at the end of the line. */
  public void add(T work) {
    waitingLongestFirst.add(work);
  }

  public void remove(T work) {
    waitingLongestFirst.remove(work);
  }

  /** Removes all of which that is true. */
  public void removeIf(Predicate<T> isOut) {
    for (int i = waitingLongestFirst.size() - 1; i >= 0; i--) {
      if (isOut.test(waitingLongestFirst.get(i))) {
        waitingLongestFirst.remove(i);
      }
    }
  }

  public void forEach(Consumer<T> action) {
    waitingLongestFirst.forEach(action);
  }

  /** Removes all, and does something with each. */
  public void clear(Consumer<T> action) {
    waitingLongestFirst.forEach(action);
    waitingLongestFirst.clear();
  }

  public int size() {
    return waitingLongestFirst.size();
  }

  public boolean contains(T work) {
    return waitingLongestFirst.contains(work);
  }

  /** Whose turn it is; nothing changes until it is {@link #served}. Null when none is ready. */
  public @Nullable T peek() {
    boolean patient = (turns + 1) % PATIENT_EVERY == 0;
    T chosen = null;
    for (int i = 0; i < waitingLongestFirst.size() && !(patient && chosen != null); i++) {
      T work = waitingLongestFirst.get(i);
      if (work.isReady() && (chosen == null || work.remaining() < chosen.remaining())) {
        chosen = work;
      }
    }
    return chosen;
  }

  /** The work has its turn: it then stands at the end of the line. */
  public void served(T work) {
    if (waitingLongestFirst.remove(work)) {
      waitingLongestFirst.add(work);
      turns++;
    }
  }

  /**
   * The work to do a chunk of now; it then stands at the end of the line. Null when none is ready.
   */
  public @Nullable T next() {
    T work = peek();
    if (work != null) {
      served(work);
    }
    return work;
  }
}
