package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code build.sh} does where there is no compiler, or one that fails. */
class BuildScriptTest {
  @TempDir private Path folder;

  private record Outcome(int code, String text) {}

  private Outcome build(String cc) throws Exception {
    Path log = folder.resolve("log.txt");
    ProcessBuilder builder =
        new ProcessBuilder("sh", "src/main/c/build.sh", folder.resolve("out").toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    builder.environment().put("CC", cc);
    int code = builder.start().waitFor();
    return new Outcome(code, Files.readString(log));
  }

  private String script(String body) throws Exception {
    Path script = folder.resolve("cc");
    Files.writeString(script, "#!/bin/sh\n" + body);
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
    return script.toString();
  }

  @Test
  void shouldGoOnWithoutACompilerAndSayWhatToDo() throws Exception {
    Path stale = Files.createDirectories(folder.resolve("out")).resolve("libbaton-linux-x86_64.so");
    Files.writeString(stale, "of an older build");

    Outcome outcome = build("no-such-compiler");

    assertEquals(0, outcome.code());
    assertEquals(
        "baton: no C compiler (no-such-compiler), so Baton will run its slower Java kernels;"
            + " install one (apt install gcc, or xcode-select --install) and build again\n",
        outcome.text());
    assertFalse(Files.exists(stale));
  }

  @Test
  void shouldFailWithTheCompilersMessagesWhereItFails() throws Exception {
    String compiler =
        script(
            "case $1 in -dumpmachine) echo x86_64-linux-gnu ;; --version) ;; *) echo broken >&2;"
                + " exit 1 ;; esac\n");

    Outcome outcome = build(compiler);

    assertEquals(1, outcome.code());
    assertTrue(outcome.text().contains("broken\n"), outcome.text());
    assertTrue(outcome.text().contains("the C kernels do not compile"), outcome.text());
  }
}
