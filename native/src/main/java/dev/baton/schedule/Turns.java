package dev.baton.schedule;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Whose chunk is next, of all work under way. Those of the first {@link Priority} go before all
 * others, and of these the one with the least work left, so that a short prompt is not stuck behind
 * a long one; but every {@link #PATIENT_EVERY}th turn is of the one whose last turn (or whose
 * arrival) is the longest ago, whatever its priority and length, so that all get on. Of equals the
 * one that waits longer is chosen.
 *
 * <p>With n works under way, each gets a turn at least once in n times {@link #PATIENT_EVERY}. Not
 * safe for use by several threads at a time; only {@link #add} may allocate.
 */
public final class Turns<T extends Turns.Work> {
  /** One turn in this many is of the work that has waited longest. */
  public static final int PATIENT_EVERY = 4;

  /** Work that is done in chunks. */
  public interface Work {
    /** What is left to do, in tokens that go through all layers. */
    long remaining();

    default Priority priority() {
      return Priority.INTERACTIVE;
    }

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

  /** One of them; 0 has waited longest since its last turn. */
  T get(int i) {
    return waitingLongestFirst.get(i);
  }

  /** What is left to do of all. */
  public long remaining() {
    long sum = 0;
    for (int i = 0; i < waitingLongestFirst.size(); i++) {
      sum += waitingLongestFirst.get(i).remaining();
    }
    return sum;
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
      if (work.isReady() && (chosen == null || isBefore(work, chosen))) {
        chosen = work;
      }
    }
    return chosen;
  }

  private static boolean isBefore(Work work, Work other) {
    return work.priority() == other.priority()
        ? work.remaining() < other.remaining()
        : work.priority().isBefore(other.priority());
  }

  /** The work has its turn: it then stands at the end of the line. */
  public void served(T work) {
    if (waitingLongestFirst.remove(work)) {
      waitingLongestFirst.add(work);
      turns++;
    }
  }
}
