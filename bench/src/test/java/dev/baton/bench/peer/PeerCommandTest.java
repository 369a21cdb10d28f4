package dev.baton.bench.peer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.bench.model.SyntheticModels;
import dev.baton.kernel.NativeKernels;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@DisabledOnOs(OS.WINDOWS)
final class PeerCommandTest {
  /** Says of every test that it ran at 10 tokens a second. */
  private static final String FAKE =
      """
      #!/bin/sh
      [ "$1" = --help ] && echo '--n-depth' && exit 0
      while [ $# -gt 0 ]; do
        case $1 in -p) p=$2 ;; -n) n=$2 ;; esac
        shift
      done
      printf '[\\n{"n_prompt": %d, "n_gen": %d, "avg_ts": 10.0}\\n]\\n' "$p" "$n"
      """;

  @TempDir Path folder;

  @Test
  @Timeout(120)
  void shouldMeasureBatonBesideALlamaBench() throws Exception {
    assumeTrue(NativeKernels.whyMissing().isEmpty());
    Path script = Files.writeString(folder.resolve("llama-bench"), FAKE);
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path model = SyntheticModels.small(folder.resolve("small.gguf"));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrintStream printed = new PrintStream(out, true, UTF_8);
    int status =
        new CommandLine(new PeerCommand(printed, System.err))
            .execute(
                "--llama-bench=" + script,
                "--model=" + model,
                "--threads=1,2",
                "--prompt=40",
                "--output=4",
                "--depth=10,70",
                "--batch=3",
                "--repeat=2",
                "--json");
    String text = out.toString(UTF_8);
    assertEquals(0, status, text);
    JsonNode report = JsonMapper.shared().readTree(text);
    List<String> names = new ArrayList<>();
    for (JsonNode figure : report.path("figures")) {
      names.add(figure.path("name").asString());
      assertTrue(figure.path("value").path("low").asDouble() > 0, figure.toString());
      if (figure.path("name").asString().endsWith("llama-bench")) {
        assertEquals(10.0, figure.path("value").path("median").asDouble());
      }
    }
    assertEquals(2 * (3 + 4 + 2 * 4 + 2), names.size(), names.toString());
    assertTrue(names.contains("2 threads, decode at 70, ratio"), names.toString());
    assertTrue(names.contains("1 thread, decode at 10, 3 sequences / 1"), names.toString());
  }
}
