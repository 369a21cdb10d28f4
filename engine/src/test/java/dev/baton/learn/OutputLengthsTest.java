package dev.baton.learn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.baton.journal.JournalEntry;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class OutputLengthsTest {
  private static final String MODEL = "llama";

  private final OutputLengths lengths = new OutputLengths(MODEL);

  private void observe(@Nullable String caller, int limit, int... outputTokens) {
    observeOf(MODEL, caller, limit, outputTokens);
  }

  private void observeOf(String model, @Nullable String caller, int limit, int... outputTokens) {
    for (int tokens : outputTokens) {
      lengths.observe(
          new JournalEntry(
              Instant.EPOCH,
              model,
              null,
              JournalEntry.Route.local("here", 32, List.of(64)),
              new JournalEntry.Tokens(64, 0, tokens, limit),
              JournalEntry.Counted.NONE,
              caller,
              new JournalEntry.Times(
                  new JournalEntry.Latency(1, 2),
                  new JournalEntry.Latency(1, 2),
                  JournalEntry.Phases.NONE,
                  JournalEntry.Phases.NONE),
              null));
    }
  }

  @Test
  void shouldExpectTheLimitOfACallerWhoIsNotKnownYet() {
    observe("chat", 128, 20, 20);
    assertEquals(128, lengths.expected("chat", 128));
    assertEquals(128, lengths.expected("other", 128));
  }

  @Test
  void shouldExpectWhatTheCallersAnswersUsuallyHave() {
    observe("chat", 128, 20, 30, 25, 128);
    observe("summary", 128, 5, 5, 5);
    assertEquals(30, lengths.expected("chat", 128));
    assertEquals(5, lengths.expected("summary", 128));
    assertEquals(16, lengths.expected("chat", 16), "never more than the limit");
  }

  @Test
  void shouldTakeAnswersThatWereCutOffAsLongAsTheNextLimit() {
    observe(null, 16, 16, 16, 16);
    assertEquals(512, lengths.expected(null, 512));
    assertEquals(8, lengths.expected(null, 8));
  }

  @Test
  void shouldFollowACallerWhoseAnswersChange() {
    int[] before = new int[40];
    Arrays.fill(before, 100);
    observe("chat", 400, before);
    assertEquals(100, lengths.expected("chat", 400));
    int[] after = new int[17];
    Arrays.fill(after, 10);
    observe("chat", 400, after);
    assertEquals(10, lengths.expected("chat", 400));
  }

  @Test
  void shouldKeepModelsApart() {
    observeOf("another", "chat", 128, 5, 5, 5, 5);
    assertEquals(128, lengths.expected("chat", 128));
  }

  @Test
  void shouldForgetTheCallersThatHaveNotComeForLongest() {
    observe("first", 128, 5, 5, 5);
    observe("second", 128, 5, 5, 5);
    for (int i = 0; i < OutputLengths.MOST_CALLERS - 1; i++) {
      lengths.expected("first", 128);
      observe("caller " + i, 128, 5);
    }
    assertEquals(5, lengths.expected("first", 128));
    assertEquals(128, lengths.expected("second", 128));
  }

  @Test
  void shouldLearnNothingFromEntriesThatDoNotTellTheirLimit() {
    observe("chat", 0, 10, 10, 10, 10);
    assertEquals(128, lengths.expected("chat", 128));
  }
}
