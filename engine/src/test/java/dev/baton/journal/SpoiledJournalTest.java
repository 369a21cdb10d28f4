package dev.baton.journal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.fault.Spoiling;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Journals that are not as they were left. */
@Timeout(120)
final class SpoiledJournalTest {
  private static final long DAY_MS = TimeUnit.DAYS.toMillis(1);
  private static final int ENTRIES = 8;

  @TempDir Path temp;

  private final AtomicLong nowMs = new AtomicLong(20_000 * DAY_MS);
  private Path whole;

  /** Entries of two days. */
  @BeforeEach
  void keepSome() {
    whole = temp.resolve("whole");
    try (Journal journal = open(whole)) {
      for (int i = 0; i < ENTRIES; i++) {
        journal.append(Entries.numbered(i));
        if (i == 2) {
          nowMs.addAndGet(DAY_MS);
        }
      }
    }
  }

  private Journal open(Path folder) {
    return Journal.open(folder, nowMs::get);
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(whole)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void shouldGoOnWithWhatIsWholeHoweverAFileIsSpoiled() throws Exception {
    List<String> names = names();
    assertEquals(List.of("20241004F.cq4", "20241005F.cq4", "lock", "metadata.cq4t", "seal"), names);
    for (String name : names) {
      for (int way = 0; way < Spoiling.WAYS; way++) {
        Path folder = temp.resolve(name + "-" + way);
        Spoiling.copy(whole, folder);
        String what = name + ": " + Spoiling.spoil(folder.resolve(name), way, 1000 + way);
        boolean isSpoiled =
            !Files.isRegularFile(folder.resolve(name), LinkOption.NOFOLLOW_LINKS)
                || Files.mismatch(folder.resolve(name), whole.resolve(name)) >= 0;
        assertGoesOn(folder, what, isSpoiled && name.endsWith(".cq4"));
      }
    }
  }

  /** Entries may be lost, but none is another, and a new one is kept. */
  private void assertGoesOn(Path folder, String what, boolean mayLose) {
    List<JournalEntry> found;
    List<String> notices;
    try (Journal journal = open(folder)) {
      notices = journal.notices();
      found = all(journal);
      journal.append(Entries.numbered(99));
    }
    List<JournalEntry> expected = new ArrayList<>();
    for (int i = 0; i < ENTRIES; i++) {
      expected.add(Entries.numbered(i));
    }
    assertTrue(isPartOf(found, expected), () -> what + " gave " + numbers(found));
    if (mayLose) {
      assertTrue(
          found.size() >= 3, () -> what + ": the other day's are whole, got " + numbers(found));
      assertEquals(1, notices.size(), what);
      assertTrue(notices.getFirst().contains(".bad-1"), notices::toString);
    } else {
      assertEquals(ENTRIES, found.size(), what);
    }
    found.add(Entries.numbered(99));
    try (Journal journal = open(folder)) {
      List<JournalEntry> again = all(journal);
      assertTrue(found.equals(again), () -> what + " gave " + numbers(again));
      assertEquals(List.of(), journal.notices(), "what was told is not told again");
    }
  }

  private static boolean isPartOf(List<JournalEntry> found, List<JournalEntry> all) {
    List<JournalEntry> rest = new ArrayList<>(all);
    for (JournalEntry entry : found) {
      int at = rest.indexOf(entry);
      if (at < 0) {
        return false;
      }
      rest = new ArrayList<>(rest.subList(at + 1, rest.size()));
    }
    return true;
  }

  private static List<Integer> numbers(List<JournalEntry> entries) {
    return entries.stream().map(entry -> entry.tokens().outputTokens()).toList();
  }

  private static List<JournalEntry> all(Journal journal) {
    List<JournalEntry> entries = new ArrayList<>();
    journal.replay(entries::add);
    return entries;
  }

  @Test
  void shouldPutAsideAFewFilesOnly() throws IOException {
    for (int time = 0; time < 6; time++) {
      Files.writeString(whole.resolve("metadata.cq4t"), "null");
      Files.writeString(whole.resolve("foreign.cq4"), "null");
      open(whole).close();
    }
    try (Stream<Path> files = Files.list(whole)) {
      assertTrue(files.filter(file -> file.toString().contains(".bad-")).count() <= 3);
    }
  }

  @Test
  void shouldTrustNoFileThatWasLeftInTheMiddleOfAKill() throws IOException {
    // As a process leaves it that is killed: sealed are only the files that it did not touch.
    Path killed = temp.resolve("killed");
    try (Journal journal = open(whole)) {
      journal.append(Entries.numbered(8));
      Spoiling.copy(whole, killed);
    }
    Spoiling.spoil(killed.resolve("20241005F.cq4"), 3, 5);
    Spoiling.spoil(killed.resolve("metadata.cq4t"), 1, 5);
    try (Journal journal = open(killed)) {
      assertEquals(9, all(journal).size());
    }
  }

  @Test
  void shouldKeepNothingWhereItCannotAndSayWhyOnce() throws IOException {
    Path file = Files.writeString(temp.resolve("file"), "x");
    try (Journal journal = Journal.openOrNone(file)) {
      journal.append(Entries.numbered(1));
      assertEquals(List.of(), all(journal));
      assertEquals(1, journal.notices().size());
      String notice = journal.notices().getFirst();
      assertTrue(notice.contains(file.toString()) && !notice.contains("\n"), notice);
    }
    assertEquals("x", Files.readString(file));
  }

  @Test
  void shouldHaveNoHolesInItsFiles() throws Exception {
    Path copied = Files.createDirectory(temp.resolve("copied"));
    for (String name : names()) {
      Process copy =
          new ProcessBuilder(
                  "cp", "--sparse=always", whole.resolve(name).toString(), copied.toString())
              .start();
      assertEquals(0, copy.waitFor());
    }
    for (Path folder : List.of(whole, copied)) {
      try (Journal journal = open(folder)) {
        journal.append(Entries.numbered(9));
      }
      for (String name : List.of("20241005F.cq4", "metadata.cq4t")) {
        Path file = folder.resolve(name);
        assertTrue(allocated(file) >= Files.size(file), () -> file + " is sparse");
      }
    }
  }

  /** Bytes on the disk. */
  private static long allocated(Path file) throws Exception {
    Process stat = new ProcessBuilder("stat", "-c", "%b", file.toString()).start();
    return 512
        * Long.parseLong(
            new String(stat.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip());
  }
}
