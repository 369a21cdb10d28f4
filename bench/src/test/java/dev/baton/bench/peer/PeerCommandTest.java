package dev.baton.bench.peer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.bench.BenchCli;
import dev.baton.bench.model.SyntheticModels;
import dev.baton.bench.report.BenchResult;
import dev.baton.bench.report.ResultFigure;
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

  /** An engine that tells of decoding alone, in words. */
  private static String told() {
    return """
    [decode]
    command = ["sh", "-c", "echo {model} {prompt}+{output}x{threads}: 20 tokens per second >&2"]
    pattern = '([0-9.]+) tokens per second'
    """;
  }

  private String refused(int status, String... words) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int ended =
        BenchCli.run(new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), words);
    assertEquals(status, ended, out.toString(UTF_8) + err.toString(UTF_8));
    return (out.toString(UTF_8) + err.toString(UTF_8)).strip();
  }

  @Test
  void shouldRefusePeersThatAreNoneInOneLine() throws Exception {
    Path model = SyntheticModels.small(folder.resolve("small.gguf"));
    Path broken = Files.writeString(folder.resolve("broken.toml"), "[decode]\ncommand = 7\n");
    for (String peer :
        List.of(
            "gone=" + folder.resolve("gone"), "Baton=" + model, "broken=" + broken, "nameless")) {
      String said = refused(2, "peer", "--peer=" + peer, "--model=" + model);
      assertEquals(1, said.lines().count(), said);
      assertTrue(said.startsWith("baton: "), said);
    }
  }

  @Test
  @Timeout(60)
  void shouldHaveNoFiguresWhereAPeerPrintsSomethingElse() throws Exception {
    assumeTrue(NativeKernels.whyMissing().isEmpty());
    Path model = SyntheticModels.small(folder.resolve("small.gguf"));
    Path adapter =
        Files.writeString(
            folder.resolve("silent.toml"), told().replace("20 tokens", "many tokens"));
    String said =
        refused(
            1,
            "peer",
            "--peer=silent=" + adapter,
            "--model=" + model,
            "--threads=1",
            "--prompt=8",
            "--output=2",
            "--depth=4");
    assertTrue(said.startsWith("baton: silent: sh -c") && said.contains("fits 0 times"), said);
    assertEquals(1, said.lines().count(), said);
  }

  @Test
  @Timeout(120)
  void shouldMeasureBatonBesideALlamaBenchAndATaughtCommand() throws Exception {
    assumeTrue(NativeKernels.whyMissing().isEmpty());
    Path script = Files.writeString(folder.resolve("llama-bench"), FAKE);
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path adapter = Files.writeString(folder.resolve("told.toml"), told());
    Path model = SyntheticModels.small(folder.resolve("small.gguf"));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrintStream printed = new PrintStream(out, true, UTF_8);
    int status =
        new CommandLine(new PeerCommand(printed, System.err))
            .execute(
                "--peer=llama-bench=" + script,
                "--peer=told=" + adapter,
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
    BenchResult result = BenchResult.read(Files.writeString(folder.resolve("peer.json"), text));
    List<String> names = new ArrayList<>();
    for (ResultFigure figure : result.figures()) {
      String name = figure.name();
      names.add(name);
      assertTrue(figure.low() > 0, figure.toString());
      if (name.endsWith(", llama-bench") || name.endsWith(", told")) {
        double speed = name.endsWith("told") ? 20.0 : 10.0;
        assertEquals(speed, figure.median(), name);
      }
    }
    // Peaks; prefill beside one peer; two decodes beside both; the batch.
    assertEquals(2 * (3 + 4 + 2 * 6 + 2), names.size(), names.toString());
    assertTrue(names.contains("2 threads, decode at 70, Baton / told"), names.toString());
    assertTrue(names.contains("1 thread, decode at 10, 3 sequences / 1"), names.toString());
  }
}
