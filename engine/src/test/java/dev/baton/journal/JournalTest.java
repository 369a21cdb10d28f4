package dev.baton.journal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class JournalTest {
  private static final long DAY_MS = TimeUnit.DAYS.toMillis(1);

  @TempDir Path temp;

  @Test
  void shouldGiveBackWhatWasAppendedAfterARestart() {
    JournalEntry odd =
        Entries.entry(
            7, JournalEntry.Phases.NONE, JournalEntry.Phases.NONE, "the link's \"end\" was gone");
    try (Journal journal = Journal.open(folder())) {
      assertEquals(List.of(), all(journal));
      journal.append(Entries.numbered(1));
      journal.append(odd);
    }
    try (Journal journal = Journal.open(folder())) {
      assertEquals(List.of(Entries.numbered(1), odd), all(journal));
    }
  }

  @Test
  void shouldTailWhatWasAppendedSince() {
    try (Journal journal = Journal.open(folder())) {
      List<JournalEntry> seen = new ArrayList<>();
      long end = journal.replay(seen::add);
      for (int i = 0; i < 5; i++) {
        journal.append(Entries.numbered(2 * i));
        journal.append(Entries.numbered(2 * i + 1));
        end = journal.tail(end, seen::add);
        assertEquals(end, journal.tail(end, entry -> assertNull(entry, "nothing is new")));
      }
      assertEquals(IntStream.range(0, 10).boxed().toList(), numbers(seen));
    }
  }

  @Test
  void shouldTakeEntriesFromManyThreads() throws InterruptedException {
    try (Journal journal = Journal.open(folder())) {
      List<Thread> threads =
          IntStream.range(0, 4)
              .mapToObj(t ->
                  Thread.ofPlatform()
                      .start(() -> {
                        for (int i = 0; i < 250; i++) {
                          journal.append(Entries.numbered(1000 * t + i));
                        }
                      }))
              .toList();
      for (Thread thread : threads) {
        thread.join();
      }
      Set<Integer> expected = new HashSet<>();
      for (int i = 0; i < 1000; i++) {
        expected.add(i / 250 * 1000 + i % 250);
      }
      List<Integer> numbers = numbers(all(journal));
      assertEquals(1000, numbers.size());
      assertEquals(expected, new HashSet<>(numbers));
    }
  }

  @Test
  void shouldLoseNothingThatAProcessAppendedBeforeItWasKilled() throws Exception {
    int next = 0;
    for (int kill = 0; kill < 3; kill++) {
      Process process = JournalProcess.start(folder(), next, Integer.MAX_VALUE - next);
      int appended = readNumbers(process, 200 + 150 * kill);
      process.destroyForcibly().waitFor();
      try (Journal journal = Journal.open(folder())) {
        List<Integer> numbers = numbers(all(journal));
        assertTrue(numbers.size() > appended, () -> numbers.size() + " of " + appended);
        assertEquals(IntStream.range(0, numbers.size()).boxed().toList(), numbers);
        // The next one appends after whatever this one left.
        journal.append(Entries.numbered(numbers.size()));
        next = numbers.size() + 1;
      }
    }
  }

  @Test
  void shouldRefuseInALineWhatADiskThatFillsHasNoRoomFor() throws Exception {
    Process probe =
        new ProcessBuilder("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
            .redirectErrorStream(true)
            .start();
    assumeTrue(probe.waitFor() == 0, "no right to make a mount namespace (unshare -m)");
    Process process = JournalProcess.startFilling(Files.createDirectories(folder()));
    String said = firstLine(process);
    assertEquals(0, process.waitFor(), said);
    String[] words = said.split(" ", 4);
    assertEquals("full", words[0], said);
    assertTrue(Integer.parseInt(words[1]) > 100, said);
    assertEquals(words[1], words[2], said);
    assertTrue(words[3].contains("kB are free"), said);
  }

  @Test
  void shouldSkipAnEntryThatWasCutOffInTheMiddle() throws Exception {
    try (Journal journal = Journal.open(folder())) {
      journal.append(Entries.numbered(0));
    }
    Process process = JournalProcess.startTorn(folder());
    assertEquals("torn", firstLine(process));
    process.destroyForcibly().waitFor();
    try (Journal journal = Journal.open(folder())) {
      assertEquals(List.of(0), numbers(all(journal)));
      journal.append(Entries.numbered(1));
      assertEquals(List.of(0, 1), numbers(all(journal)));
    }
  }

  @Test
  void shouldShareAFolderBetweenProcesses() throws Exception {
    Process first = JournalProcess.start(folder(), 0, 400);
    Process second = JournalProcess.start(folder(), 1000, 400);
    try (Journal journal = Journal.open(folder())) {
      for (int i = 0; i < 400; i++) {
        journal.append(Entries.numbered(2000 + i));
      }
      readNumbers(first, 400);
      readNumbers(second, 400);
      assertEquals(0, first.waitFor());
      assertEquals(0, second.waitFor());
      List<Integer> numbers = numbers(all(journal));
      assertEquals(1200, numbers.size());
      for (int from : new int[] {0, 1000, 2000}) {
        assertEquals(
            IntStream.range(from, from + 400).boxed().toList(),
            numbers.stream().filter(n -> n >= from && n < from + 400).toList());
      }
    }
  }

  @Test
  void shouldDropTheOldestDays() throws IOException {
    AtomicLong nowMs = new AtomicLong(20_000 * DAY_MS);
    int days = Journal.MAX_FILES + 10;
    try (Journal journal = Journal.open(folder(), nowMs::get)) {
      long end = 0;
      List<JournalEntry> followed = new ArrayList<>();
      for (int day = 0; day < days; day++) {
        journal.append(Entries.numbered(day));
        nowMs.addAndGet(DAY_MS);
        end = day % 3 == 0 ? journal.tail(end, followed::add) : end;
      }
      journal.tail(end, followed::add);
      assertEquals(IntStream.range(0, days).boxed().toList(), numbers(followed));
      assertEquals(
          IntStream.range(days - Journal.MAX_FILES, days).boxed().toList(), numbers(all(journal)));
    }
    assertEquals(Journal.MAX_FILES, files().size());
    try (Journal journal = Journal.open(folder(), nowMs::get)) {
      assertEquals(
          IntStream.range(days - Journal.MAX_FILES, days).boxed().toList(), numbers(all(journal)));
    }
  }

  @Test
  void shouldDropDaysThatHoldTooMuch() throws IOException {
    AtomicLong nowMs = new AtomicLong(20_000 * DAY_MS);
    try (Journal journal = Journal.open(folder(), nowMs::get)) {
      journal.append(Entries.numbered(1));
      nowMs.addAndGet(DAY_MS);
      journal.append(Entries.numbered(2));
    }
    try (var file = Files.newByteChannel(files().getFirst(), StandardOpenOption.WRITE)) {
      file.position(Journal.MAX_BYTES).write(ByteBuffer.allocate(1));
    }
    try (Journal journal = Journal.open(folder(), nowMs::get)) {
      assertEquals(List.of(2), numbers(all(journal)));
      journal.append(Entries.numbered(3));
      assertEquals(List.of(2, 3), numbers(all(journal)));
    }
    assertEquals(1, files().size());
  }

  @Test
  void shouldReadWhatOtherVersionsWrote() {
    String text = JSON_OF_VERSION_1;
    assertEquals(Entries.numbered(5), Journal.read(text));
    assertEquals(
        Entries.numbered(5), Journal.read(text.replace("\"model\"", "\"new\":[1],\"model\"")));
    assertEquals(
        0, Journal.read(text.replace("\"cachedTokens\":416,", "")).tokens().cachedTokens());
    assertNull(Journal.read(text.replace("\"version\":1", "\"version\":2")));
    assertNull(Journal.read("{\"version\":1"));
    assertNull(Journal.read("{}"));
  }

  @Test
  void shouldWriteWhatItsReadersKnow() {
    String now =
        JSON_OF_VERSION_1
            .replace("\"prefillNode\"", "\"profile\":null,\"prefillNode\"")
            .replace(
                "\"predicted\"",
                "\"outputLimit\":0,\"heldThereTokens\":0,\"queueHereSeconds\":0.0,"
                    + "\"queueThereSeconds\":0.0,\"caller\":null,\"predicted\"");
    assertEquals(now, SealedLine.unseal(Journal.write(Entries.numbered(5))));
    JournalEntry alone = Entries.alone(100, JournalEntry.Phases.NONE, JournalEntry.Phases.NONE);
    assertEquals(alone, Journal.read(Journal.write(alone)));
  }

  @Test
  void shouldSayInOneLineThatAFolderIsNone() throws IOException {
    Path file = Files.writeString(temp.resolve("file"), "x");
    JournalException e = assertThrows(JournalException.class, () -> Journal.open(file));
    assertTrue(e.getMessage().contains(file.toString()), e.getMessage());
    assertTrue(e.getMessage().contains("BATON_HOME"), e.getMessage());
    assertFalse(e.getMessage().contains("\n"), e.getMessage());
  }

  /** As version 1 wrote {@code Entries.numbered(5)}; stays as it is whatever comes later. */
  private static final String JSON_OF_VERSION_1 =
      """
      {"version":1,"entry":{"time":"2026-05-04T03:02:01.123456789Z","model":"llama-3.1-8b-f16",\
      "prefillNode":"10.0.0.7:4400","decodeNode":"here","boundaryLayer":20,"layers":32,\
      "chunkTokens":[2048,1024,512],"wireType":"F16","promptTokens":4000,"cachedTokens":416,\
      "outputTokens":5,"predicted":{"ttftSeconds":1.5,"e2eSeconds":3.25},\
      "observed":{"ttftSeconds":1.75,"e2eSeconds":3.5},"modelled":{"prefillThereSeconds":1.0,\
      "prefillHereSeconds":0.5,"decodeSeconds":2.0},"measured":{"prefillThereSeconds":1.0,\
      "prefillHereSeconds":1.0,"decodeSeconds":2.0},"fallback":null}}\
      """;

  private Path folder() {
    return temp.resolve("journal");
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder())) {
      return files.filter(file -> file.toString().endsWith(".cq4")).sorted().toList();
    }
  }

  private static List<JournalEntry> all(Journal journal) {
    List<JournalEntry> entries = new ArrayList<>();
    journal.replay(entries::add);
    return entries;
  }

  private static List<Integer> numbers(List<JournalEntry> entries) {
    return entries.stream().map(entry -> entry.tokens().outputTokens()).toList();
  }

  private static String firstLine(Process process) throws IOException {
    return new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8)).readLine();
  }

  /** Reads numbers that the process prints; the last of them. */
  private static int readNumbers(Process process, int count) throws IOException {
    BufferedReader reader =
        new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
    int number = 0;
    for (int i = 0; i < count; i++) {
      number = Integer.parseInt(reader.readLine());
    }
    return number;
  }
}
