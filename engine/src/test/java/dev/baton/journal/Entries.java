package dev.baton.journal;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Entries for tests. */
public final class Entries {
  /** Of a prompt, unless it says otherwise. */
  public static final int TOKENS = 4000;

  private static final List<Integer> CHUNKS = List.of(2048, 1024, 512);

  private Entries() {}

  public static JournalEntry numbered(int number) {
    return entry(
        number, new JournalEntry.Phases(1, 0.5, 2), new JournalEntry.Phases(1, 1, 2), null);
  }

  public static JournalEntry measured(JournalEntry.Phases modelled, JournalEntry.Phases measured) {
    return entry(64, modelled, measured, null);
  }

  /** Of a prompt that the decode node had to itself. */
  public static JournalEntry alone(
      int promptTokens, JournalEntry.Phases modelled, JournalEntry.Phases measured) {
    return entry(null, promptTokens, 64, modelled, measured, null);
  }

  public static JournalEntry entry(
      int outputTokens,
      JournalEntry.Phases modelled,
      JournalEntry.Phases measured,
      @Nullable String fallback) {
    return entry("10.0.0.7:4400", TOKENS, outputTokens, modelled, measured, fallback);
  }

  private static JournalEntry entry(
      @Nullable String prefillNode,
      int promptTokens,
      int outputTokens,
      JournalEntry.Phases modelled,
      JournalEntry.Phases measured,
      @Nullable String fallback) {
    return new JournalEntry(
        Instant.parse("2026-05-04T03:02:01.123456789Z"),
        "llama-3.1-8b-f16",
        null,
        prefillNode == null
            ? JournalEntry.Route.local("here", 32, CHUNKS)
            : new JournalEntry.Route(prefillNode, "here", 20, 32, CHUNKS, "F16"),
        new JournalEntry.Tokens(promptTokens, Math.min(416, promptTokens), outputTokens, 0),
        JournalEntry.Counted.NONE,
        null,
        new JournalEntry.Times(
            new JournalEntry.Latency(1.5, 3.25),
            new JournalEntry.Latency(1.75, 3.5),
            modelled,
            measured),
        fallback);
  }
}
