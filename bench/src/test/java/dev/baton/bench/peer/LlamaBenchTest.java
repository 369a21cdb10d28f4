package dev.baton.bench.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.bench.report.WrongResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
final class LlamaBenchTest {
  @TempDir Path folder;

  /** A program that writes its words down and prints {@code tests} where it is to measure. */
  private Path fake(String help, String tests) throws IOException {
    Path script = folder.resolve("llama-bench");
    Files.writeString(
        script,
        "#!/bin/sh\n"
            + "if [ \"$1\" = --help ]; then echo '"
            + help
            + "'; exit 0; fi\n"
            + "echo \"$@\" >>"
            + folder.resolve("words")
            + "\n"
            + "echo noise >&2\n"
            + "cat <<'END'\n"
            + tests
            + "\nEND\n");
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    return script;
  }

  private String words() throws IOException {
    return Files.readString(folder.resolve("words")).strip();
  }

  private static String test(int prompt, int generated, double speed) {
    return "[\n{\"n_prompt\": "
        + prompt
        + ", \"n_gen\": "
        + generated
        + ", \"avg_ts\": "
        + speed
        + "}\n]";
  }

  @Test
  void shouldAskForAPromptAndTakeItsSpeed() throws Exception {
    LlamaBench bench =
        new LlamaBench(
            "peer", fake("-d, --n-depth", test(512, 0, 88.5)), Path.of("m.gguf"), List.of());
    assertEquals(88.5, bench.prefill(2, 512));
    assertEquals("-m m.gguf -t 2 -r 1 -o json -p 512 -n 0", words());
  }

  @Test
  void shouldAskForAnAnswerBehindADepth() throws Exception {
    LlamaBench bench =
        new LlamaBench(
            "peer",
            fake("-d, --n-depth", "loading\n" + test(0, 64, 9.25)),
            Path.of("m.gguf"),
            List.of("-fa", "1"));
    assertEquals(9.25, bench.decode(1, 128, 64));
    assertEquals("-m m.gguf -t 1 -r 1 -o json -p 0 -n 64 -d 128 -fa 1", words());
  }

  @Test
  void shouldAskAForkWithoutDepthByGp() throws Exception {
    LlamaBench bench =
        new LlamaBench("peer", fake("-gp <pp,tg>", test(128, 64, 7)), Path.of("m.gguf"), List.of());
    assertEquals(7, bench.decode(1, 128, 64));
    assertEquals("-m m.gguf -t 1 -r 1 -o json -p 0 -n 0 -gp 128,64", words());
  }

  @Test
  void shouldRefuseWhatWasNotAskedFor() throws Exception {
    assertThrows(WrongResult.class, () -> LlamaBench.tokensPerSecond(test(512, 0, 5), 256, 0));
    assertThrows(WrongResult.class, () -> LlamaBench.tokensPerSecond(test(512, 0, 0), 512, 0));
    assertThrows(WrongResult.class, () -> LlamaBench.tokensPerSecond("[\n]", 512, 0));
    assertThrows(WrongResult.class, () -> LlamaBench.tokensPerSecond("no memory", 512, 0));
  }

  @Test
  void shouldSayWhatTheProgramSaidLast() throws Exception {
    Path script = fake("", "");
    Files.writeString(script, "#!/bin/sh\necho first >&2\necho 'no such model' >&2\nexit 3\n");
    WrongResult wrong =
        assertThrows(
            WrongResult.class, () -> new LlamaBench("peer", script, Path.of("m.gguf"), List.of()));
    assertTrue(wrong.reason().endsWith(": no such model"), wrong.reason());
  }
}
