package dev.baton.learn;

import dev.baton.journal.JournalEntry;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How long each caller's answers by one model usually are, learnt from those that ended: what a
 * request is planned with, since its limit is often far above what comes. The median of the
 * caller's last {@value #WINDOW}; one that ended at its limit might have gone on, so it counts as
 * long as the limit asked about. Of callers the {@value #MOST_CALLERS} that came last are known.
 *
 * <p>Any thread may call any method. A journal that is replayed gives the same lengths.
 */
public final class OutputLengths {
  static final int MOST_CALLERS = 1024;

  private static final int WINDOW = 32;

  /** Fewer answers say nothing of the next one. */
  private static final int LEAST_ANSWERS = 3;

  /** Callers that do not name themselves are one. */
  private static final String NAMELESS = "";

  private record Answer(int tokens, boolean wasLimited) {}

  private final String model;

  /** By caller, the last one seen last. */
  private final Map<String, Deque<Answer>> answers =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Deque<Answer>> eldest) {
          return size() > MOST_CALLERS;
        }
      }; // guarded by this

  /**
   * @param model whose answers count, by the name that journal entries give it
   */
  public OutputLengths(String model) {
    this.model = model;
  }

  /** Learns from an answer; an empty one tells nothing, nor does another model's. */
  public synchronized void observe(JournalEntry entry) {
    JournalEntry.Tokens tokens = entry.tokens();
    if (tokens.outputTokens() == 0 || tokens.outputLimit() == 0 || !entry.model().equals(model)) {
      return;
    }
    Deque<Answer> last = answers.computeIfAbsent(key(entry.caller()), _ -> new ArrayDeque<>());
    last.add(new Answer(tokens.outputTokens(), tokens.outputTokens() >= tokens.outputLimit()));
    if (last.size() > WINDOW) {
      last.remove();
    }
  }

  /**
   * How many tokens an answer is likely to have.
   *
   * @param caller who asks, or null
   * @param limit the most it may have, and what is expected of a caller not known yet
   */
  public synchronized int expected(@Nullable String caller, int limit) {
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
