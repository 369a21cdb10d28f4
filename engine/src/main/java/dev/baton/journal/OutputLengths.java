package dev.baton.journal;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * How long each caller's answers usually are, learnt from those that ended: what a request is
 * planned with, since its limit is often far above what comes. The median of the caller's last
 * {@value #WINDOW}; one that ended at its limit might have gone on, so it counts as long as the
 * limit asked about.
 *
 * <p>Any thread may call any method. A journal that is replayed gives the same lengths.
 */
public final class OutputLengths {
  private static final int WINDOW = 32;

  /** Fewer answers say nothing of the next one. */
  private static final int LEAST_ANSWERS = 3;

  /** Callers that do not name themselves are one. */
  private static final String NAMELESS = "";

  private record Answer(int tokens, boolean wasLimited) {}

  private final ConcurrentHashMap<String, Deque<Answer>> answers = new ConcurrentHashMap<>();

  /** Learns from an answer; an empty one tells nothing. */
  public void observe(JournalEntry entry) {
    if (entry.outputTokens() == 0 || entry.outputLimit() == 0) {
      return;
    }
    Answer answer = new Answer(entry.outputTokens(), entry.outputTokens() >= entry.outputLimit());
    answers.compute(
        key(entry.caller()),
        (_, known) -> {
          Deque<Answer> last = known == null ? new ArrayDeque<>() : new ArrayDeque<>(known);
          last.add(answer);
          if (last.size() > WINDOW) {
            last.remove();
          }
          return last;
        });
  }

  /**
   * How many tokens an answer is likely to have.
   *
   * @param caller who asks, or null
   * @param limit the most it may have, and what is expected of a caller not known yet
   */
  public int expected(@Nullable String caller, int limit) {
    Deque<Answer> known = answers.get(key(caller));
    if (known == null || known.size() < LEAST_ANSWERS) {
      return limit;
    }
    int[] lengths =
        known.stream()
            .mapToInt(answer -> answer.wasLimited ? Math.max(limit, answer.tokens) : answer.tokens)
            .toArray();
    Arrays.sort(lengths);
    return Math.min(limit, lengths[lengths.length / 2]);
  }

  private static String key(@Nullable String caller) {
    return caller == null ? NAMELESS : caller;
  }
}
