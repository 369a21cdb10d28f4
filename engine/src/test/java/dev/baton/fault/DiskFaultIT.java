package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.BatonProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** A folder for what is kept that is full, cannot be written, or holds what it should not. */
@Timeout(300)
class DiskFaultIT {
  private static final String PROMPT = "The little fox went to the river and";

  @TempDir static Path temp;

  private static BatonProcess node;
  private static String endpoint;
  private static Path prepared;
  private static String wanted;

  /** One run has measured, packed and noted before. */
  @BeforeAll
  static void prepare() {
    node = BatonProcess.start("node", "--model", BatonProcess.TINY.toString());
    endpoint = node.awaitReady();
    prepared = temp.resolve("prepared");
    try (BatonProcess run = run(List.of(), prepared)) {
      assertEquals(0, run.await(), run.err());
      wanted = text(run);
    }
  }

  @AfterAll
  static void end() {
    node.close();
  }

  private static BatonProcess run(List<String> prefix, Path home) {
    BatonProcess run =
        BatonProcess.start(
            prefix,
            Map.of("BATON_HOME", home.toString()),
            "run",
            "--json",
            "--explain", // waits for the nodes to be measured: then there is something to keep
            "--max-tokens",
            "8",
            "--temperature",
            "0",
            "--model",
            BatonProcess.TINY.toString(),
            "--prefill",
            endpoint,
            PROMPT);
    run.closeInput();
    return run;
  }

  private static String text(BatonProcess run) {
    return JsonMapper.shared().readTree(run.out()).path("text").asString();
  }

  /** The answer is there and the same, and what is on stderr is for people. */
  private static String assertAnswers(List<String> prefix, Path home, String what) {
    try (BatonProcess run = run(prefix, home)) {
      assertEquals(0, run.await(), () -> what + ": " + run.err());
      assertEquals(wanted, text(run), what);
      assertFalse(run.err().contains("\tat ") || run.err().contains("Exception"), run::err);
      return run.err();
    }
  }

  /** A command in a mount namespace of its own, after another one. */
  private static List<String> after(String command) {
    List<String> unshare = List.of("unshare", "-m", "sh", "-c");
    try {
      List<String> probe = new ArrayList<>(unshare);
      probe.add("mount -t tmpfs -o size=1m tmpfs /mnt");
      assumeTrue(
          new ProcessBuilder(probe).redirectErrorStream(true).start().waitFor() == 0,
          "no right to make a mount namespace (unshare -m): a full disk cannot be made");
    } catch (IOException e) {
      assumeTrue(false, "no unshare: " + e);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    List<String> whole = new ArrayList<>(unshare);
    whole.add(command + " && exec \"$@\"");
    whole.add("sh");
    return whole;
  }

  private static List<String> full(Path home, Path content, int leftBytes) {
    return after(
        "mount -t tmpfs -o size=64m tmpfs "
            + home
            + " && cp -r "
            + content
            + "/. "
            + home
            + " && head -c $(( $(df -B1 --output=avail "
            + home
            + " | tail -n 1) - "
            + leftBytes
            + " )) /dev/zero > "
            + home
            + "/filler");
  }

  @Test
  void shouldAnswerWithAFullDisk() throws IOException {
    Path home = Files.createDirectory(temp.resolve("full"));
    Path nothing = Files.createDirectory(temp.resolve("nothing"));
    for (int left : new int[] {0, 4096, 12288, 700_000}) {
      String fresh = assertAnswers(full(home, nothing, left), home, "fresh, " + left + " left");
      assertTrue(fresh.contains("is not noted"), fresh);
    }
    for (int left : new int[] {0, 12288}) {
      String used = assertAnswers(full(home, prepared, left), home, "used, " + left + " left");
      assertTrue(used.contains("is not noted"), used);
    }
  }

  @Test
  void shouldAnswerWhereNothingCanBeWritten() throws IOException {
    Path home = Files.createDirectory(temp.resolve("read-only"));
    for (Path content : List.of(prepared, home)) {
      List<String> readOnly =
          after(
              "mount -t tmpfs tmpfs /mnt && cp -r "
                  + content
                  + "/. /mnt && mount -o bind,ro /mnt "
                  + home
                  + " && mount -o remount,bind,ro "
                  + home);
      String error = assertAnswers(readOnly, home, "read-only");
      assertTrue(error.contains("Read-only file system"), error);
    }
    List<String> plain = List.of("run", "--max-tokens", "8", PROMPT);
    try (BatonProcess first =
        BatonProcess.start(
            after("true"), Map.of("BATON_HOME", "/proc/none"), plain.toArray(String[]::new))) {
      first.closeInput();
      assertEquals(0, first.await(), first::err);
      assertFalse(first.out().isBlank(), "the built-in model answers without a home");
      assertTrue(first.err().contains("BATON_HOME"), first::err);
    }
    Path file = Files.writeString(temp.resolve("a-file"), "x");
    String error = assertAnswers(List.of(), file, "a file");
    assertTrue(error.contains("a-file"), error);
    assertEquals("x", Files.readString(file));
  }

  @Test
  void shouldAnswerHoweverWhatIsKeptIsSpoiled() throws IOException {
    // Each file in 20 ways, all files at once; the seams have tests with one at a time.
    for (int way = 0; way < Spoiling.WAYS; way += 3) {
      Path home = temp.resolve("spoiled-" + way);
      Spoiling.copy(prepared, home);
      List<Path> files;
      try (Stream<Path> all = Files.walk(home)) {
        files = all.filter(it -> Files.isRegularFile(it, LinkOption.NOFOLLOW_LINKS)).toList();
      }
      assertTrue(files.size() >= 6, files::toString);
      for (Path file : files) {
        Spoiling.spoil(file, (way + files.indexOf(file)) % Spoiling.WAYS, 77 + way);
      }
      assertAnswers(List.of(), home, "way " + way);
      String again = assertAnswers(List.of(), home, "way " + way + ", again");
      assertFalse(again.contains(".bad-"), () -> "told again: " + again);
    }
  }
}
