package dev.baton.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.BatonProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Baton in a JVM that somebody starts without the launcher, in surroundings that it mends. */
final class DirectStartIT {
  private static final Map<String, String> NO_LOCALE =
      Map.of("LC_ALL", "xx_YY.UTF-8", "LANG", "xx_YY.UTF-8");

  @TempDir Path folder;

  /** Adds é as bytes, since this JVM may not be able to pass it on itself. */
  private static List<String> shell(String redirections) {
    return List.of("sh", "-c", "exec \"$@\" " + redirections, "sh");
  }

  @Test
  void shouldReadArgumentsThatTheJvmCouldNot() {
    try (BatonProcess tokenize =
        BatonProcess.start(
            shell("\"$(printf '\\303\\251')\""),
            NO_LOCALE,
            "tokenize",
            "--json",
            "--model",
            BatonProcess.TINY.toString())) {
      assertEquals(0, tokenize.await(), tokenize.err());
      assertTrue(tokenize.out().contains("\"bytes\":\"a9\""), tokenize.out());
    }
  }

  @Test
  void shouldSayWhichLocaleAFileNameNeeds() {
    try (BatonProcess tokenize =
        BatonProcess.start(
            shell("\"$(printf '\\303\\251')\".gguf"), NO_LOCALE, "tokenize", "hi", "--model")) {
      assertEquals(1, tokenize.await());
      assertTrue(
          tokenize.err().startsWith("baton: 'é.gguf' cannot name a file in this JVM")
              && tokenize.err().contains("start it with LC_ALL=C.UTF-8"),
          tokenize.err());
      assertEquals(1, tokenize.err().lines().count(), tokenize.err());
    }
  }

  @Test
  void shouldNotReadAFileOfTheJvmForAClosedInput() {
    try (BatonProcess run = BatonProcess.start(shell("<&-"), Map.of(), "tokenize", "-")) {
      assertEquals(1, run.await());
      assertEquals(
          "baton: cannot read standard input: it is closed; give a text instead of -, or pipe one"
              + " in\n",
          run.err());
    }
  }

  @Test
  void shouldWriteNoErrorIntoAFileOfItsOwn() throws Exception {
    Path key = folder.resolve("cluster.key");
    try (BatonProcess made =
        BatonProcess.start(shell("<&- >&- 2>&-"), Map.of(), "key", "--out", key.toString())) {
      assertEquals(0, made.await());
    }
    assertTrue(Files.readString(key).matches("[0-9a-f]{64}\n"), Files.readString(key));
  }
}
