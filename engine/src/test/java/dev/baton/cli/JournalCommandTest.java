package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.journal.Journal;
import dev.baton.journal.JournalEntry;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class JournalCommandTest {
  @TempDir Path home;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void shouldSayInOneLineThatTheJournalIsEmpty() {
    for (int call = 0; call < 2; call++) {
      assertEquals(0, run("journal"));
      assertEquals("", out.toString(UTF_8));
      String note = err.toString(UTF_8);
      assertTrue(note.contains("is empty") && note.indexOf('\n') == note.length() - 1, note);
      err.reset();
      assertEquals(call > 0, Files.exists(home.resolve("journal")));
      Journal.open(home.resolve("journal")).close();
    }
  }

  @Test
  void shouldShowPlanTokensTimesAndErrors() {
    append(
        entry("10.0.0.7:4400", 20, 5, null), entry("m3", 32, 6, null), entry(null, 0, 7, "gone"));
    assertEquals(0, run("journal"));
    List<String> lines = out.toString(UTF_8).lines().toList();
    assertEquals(4, lines.size(), out.toString(UTF_8));
    assertTrue(lines.get(0).startsWith("time "), lines.get(0));
    assertContains(lines.get(1), "llama", " 20 of 32 at 10.0.0.7:4400 ", " 4000(416)+5 ");
    assertContains(lines.get(1), " 1.500 > 2.000  -25.0 %", " 4.400 > 4.000  +10.0 %");
    assertFalse(lines.get(1).contains("fell back"));
    assertContains(lines.get(2), " all at m3 ");
    assertContains(lines.get(3), " local ", "fell back: gone");
    assertEquals("", err.toString(UTF_8));
  }

  @Test
  void shouldPrintTheLastAsJsonOneALine() {
    append(entry(null, 0, 5, null), entry(null, 0, 6, null), entry("m3", 32, 7, null));
    assertEquals(0, run("journal", "--json", "--last", "2"));
    List<JsonNode> nodes = out.toString(UTF_8).lines().map(JsonMapper.shared()::readTree).toList();
    assertEquals(List.of(6, 7), nodes.stream().map(n -> n.get("outputTokens").asInt()).toList());
    assertEquals("m3", nodes.get(1).get("prefillNode").asString());
    assertEquals(2.0, nodes.get(1).get("observed").get("ttftSeconds").asDouble());
    assertEquals("2026-05-04T03:02:01Z", nodes.get(1).get("time").asString());
    assertEquals(
        "time model profile prefillNode decodeNode boundaryLayer layers chunkTokens wireType"
            + " promptTokens cachedTokens outputTokens outputLimit heldThereTokens"
            + " queueHereSeconds queueThereSeconds caller predicted observed"
            + " modelled measured fallback",
        String.join(" ", nodes.get(1).propertyNames()));
  }

  @Test
  void shouldFollowWhatIsAppended() throws Exception {
    CompletableFuture<Integer> done = new CompletableFuture<>();
    Thread reader =
        Thread.ofPlatform().start(() -> done.complete(run("journal", "--follow", "--json")));
    try (Journal journal = Journal.open(home.resolve("journal"))) {
      for (int i = 1; i <= 3; i++) {
        journal.append(entry(null, 0, i, null));
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (out.toString(UTF_8).lines().count() < i) {
          assertTrue(System.nanoTime() < deadlineNs && !done.isDone(), err.toString(UTF_8));
          Thread.sleep(10);
        }
      }
    } finally {
      reader.interrupt();
    }
    assertEquals(1, done.get(20, TimeUnit.SECONDS));
    assertEquals(3, out.toString(UTF_8).lines().count());
  }

  @Test
  void shouldRefuseANegativeCountAndAFolderThatIsNone() throws Exception {
    assertEquals(2, run("journal", "--last", "-1"));
    assertContains(err.toString(UTF_8), "--last");
    err.reset();
    Files.writeString(home.resolve("journal"), "x");
    assertEquals(1, run("journal"));
    String complaint = err.toString(UTF_8);
    assertContains(complaint, home.resolve("journal").toString(), "BATON_HOME");
    assertEquals(1, complaint.lines().count(), complaint);
  }

  private void append(JournalEntry... entries) {
    try (Journal journal = Journal.open(home.resolve("journal"))) {
      for (JournalEntry entry : entries) {
        journal.append(entry);
      }
    }
  }

  private static JournalEntry entry(
      @Nullable String prefillNode,
      int boundaryLayer,
      int outputTokens,
      @Nullable String fallback) {
    return new JournalEntry(
        Instant.parse("2026-05-04T03:02:01Z"),
        "llama",
        Instant.parse("2026-05-01T00:00:00Z"),
        prefillNode == null
            ? JournalEntry.Route.local("here", 32, List.of(4000))
            : new JournalEntry.Route(prefillNode, "here", boundaryLayer, 32, List.of(4000), "F16"),
        new JournalEntry.Tokens(4000, 416, outputTokens, 0),
        JournalEntry.Counted.NONE,
        null,
        new JournalEntry.Times(
            new JournalEntry.Latency(1.5, 4.4),
            new JournalEntry.Latency(2, 4),
            JournalEntry.Phases.NONE,
            JournalEntry.Phases.NONE),
        fallback);
  }

  private static void assertContains(String text, String... parts) {
    for (String part : parts) {
      assertTrue(text.contains(part), () -> "'" + part + "' is missing in\n" + text);
    }
  }

  private int run(String... words) {
    return BatonCli.run(
        new Terminal(
            new ByteArrayInputStream(new byte[0]),
            out,
            new PrintStream(err, true, UTF_8),
            false,
            false,
            Map.of("BATON_HOME", home.toString())),
        words);
  }
}
