package dev.baton.bench.split;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.baton.bench.energy.EnergyMeter;
import dev.baton.bench.report.BenchResult;
import dev.baton.bench.stream.ShapedLink;
import dev.baton.node.JavaCommand;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Runs the command as a process of its own, as the launcher does. */
final class SplitCommandTest {
  /** Where the machine has counters they go before what is stated. */
  private static final String ENERGY =
      EnergyMeter.here("100", OptionalInt.empty()).metric().column();

  @TempDir private Path folder;

  /** Like a terminal's child: what is being measured is told on stderr. */
  private Process start(String... words) throws IOException {
    return builder(words).start();
  }

  /** As on a machine that has no unshare, no taskset and no git. */
  private Process startWithoutTools(String... words) throws IOException {
    ProcessBuilder builder = builder(words);
    builder.environment().put("PATH", folder.toString());
    return builder.start();
  }

  private ProcessBuilder builder(String... words) throws IOException {
    List<String> command = new ArrayList<>(interruptible());
    command.addAll(
        JavaCommand.of(
            "dev.baton.bench.BenchCli",
            "-Dbaton.terminals=2",
            "-Djava.io.tmpdir=" + Files.createDirectories(folder.resolve("tmp"))));
    command.addAll(List.of("split", "--out", folder.resolve("out").toString()));
    command.addAll(List.of(words));
    return new ProcessBuilder(command);
  }

  /** What gives a process SIGINT back where this one ignores it, as under nohup. */
  private static List<String> interruptible() throws IOException {
    Path status = Path.of("/proc/self/status");
    return Files.exists(status)
            && Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 2) != 0)
        ? List.of("/usr/bin/env", "--default-signal=INT")
        : List.of();
  }

  private List<String> left(Path in) throws IOException {
    try (Stream<Path> files = Files.list(in)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  @Timeout(240)
  void shouldMeasureEveryWayOverEveryLinkForReal() throws Exception {
    boolean shaped = ShapedLink.whyMissing() == null;
    Process run =
        start(
            "--prompt=48,200",
            "--output=1,5",
            "--split=local,remote,auto,3",
            "--link=" + (shaped ? "lo,300mbit" : "lo"),
            "--repeat=2",
            "--watts=100");
    String said = new String(run.getErrorStream().readAllBytes(), UTF_8);
    assertEquals(0, run.waitFor(), said);
    String printed = new String(run.getInputStream().readAllBytes(), UTF_8);
    assertTrue(printed.contains("report.html"), printed);
    assertEquals(
        List.of("plot.svg", "report.html", "result.json", "rows.csv"), left(folder.resolve("out")));
    BenchResult result = BenchResult.read(folder.resolve("out").resolve("result.json"));
    assertTrue(result.complete());
    JsonNode rows = result.detail().path("rows");
    assertEquals((shaped ? 2 : 1) * 2 * 2 * 4, rows.size());
    for (JsonNode row : rows) {
      JsonNode values = row.path("values");
      boolean several = row.path("key").path("outputTokens").asInt() > 1;
      assertEquals(2, values.path("ttft_ms").path("rounds").asInt(), row.toString());
      assertTrue(values.path("ttft_ms").path("median").asDouble() > 0, row.toString());
      assertTrue(values.path("predicted_ttft_ms").path("median").asDouble() > 0, row.toString());
      assertTrue(values.path(ENERGY).path("median").asDouble() > 0, row.toString());
      assertEquals(several, values.has("tpot_ms"), row.toString());
      assertEquals(several, values.has("itl_p99_ms"), row.toString());
      shouldBeCutAsAsked(row);
    }
    JsonNode spans = result.detail().path("request").path("timeline").path("spans");
    for (String lane : List.of("PREFILL", "WIRE", "DECODE")) {
      assertTrue(spans.findValuesAsString("lane").contains(lane), spans.toString());
    }
    assertEquals(List.of(), left(folder.resolve("tmp")), "nothing is left of the nodes");
  }

  private static void shouldBeCutAsAsked(JsonNode row) {
    String split = row.path("key").path("split").asString();
    int boundary = row.path("boundaryLayer").asInt();
    double moved = row.path("values").path("kv_kb").path("median").asDouble();
    switch (split) {
      case "local" -> assertEquals(0, boundary);
      case "remote" -> assertEquals(6, boundary);
      case "3" -> assertEquals(3, boundary);
      default -> assertTrue(boundary >= 0 && boundary <= 6);
    }
    if (!split.equals("auto")) {
      assertEquals(boundary > 0, moved > 0, row.toString());
      assertEquals(boundary > 0, row.path("values").has("hidden_percent"), row.toString());
    }
  }

  @Test
  @Timeout(60)
  void shouldFailInOneLineWhereALinkThatWasAskedForCannotBeShaped() throws Exception {
    Process run = startWithoutTools("--prompt=32", "--link=lo,100mbit");
    String said = new String(run.getErrorStream().readAllBytes(), UTF_8);
    assertEquals(1, run.waitFor(), said);
    assertEquals(1, said.lines().count(), said);
    assertTrue(said.startsWith("baton: --link 100mbit cannot be had here: "), said);
    assertFalse(Files.exists(folder.resolve("out")), "nothing half-written");
  }

  @Test
  @Timeout(240)
  void shouldLeaveOutWhatCannotBeShapedAndSayWhichPairItWas() throws Exception {
    Process run =
        startWithoutTools("--prompt=32", "--output=1", "--split=local,remote", "--repeat=1");
    String said = new String(run.getErrorStream().readAllBytes(), UTF_8);
    assertEquals(0, run.waitFor(), said);
    assertTrue(said.contains("note: not measured over 100mbit: "), said);
    BenchResult result = BenchResult.read(folder.resolve("out").resolve("result.json"));
    JsonNode setup = result.detail().path("setup");
    assertEquals("[\"lo\"]", setup.path("links").toString());
    assertTrue(setup.path("pair").asString().contains("on whatever cores"), setup.toString());
    assertTrue(
        Files.readString(folder.resolve("out").resolve("report.html"))
            .contains("not measured over 100mbit: "));
  }

  @Test
  @Timeout(240)
  void shouldComputeOnADeviceOfGgmlWhereThatIsAskedFor() throws Exception {
    assumeFalse(
        System.getenv().getOrDefault("BATON_GGML_HOME", "").isBlank(),
        "BATON_GGML_HOME names no folder with ggml's libraries (.ci/run brings one)");
    Process run =
        start(
            "--prompt=70",
            "--output=4",
            "--split=local,remote,3",
            "--link=lo",
            "--repeat=1",
            "--prefill-device=ggml-cpu");
    String said = new String(run.getErrorStream().readAllBytes(), UTF_8);
    assertEquals(0, run.waitFor(), said);
    JsonNode setup =
        BenchResult.read(folder.resolve("out").resolve("result.json")).detail().path("setup");
    String pair = setup.path("pair").asString();
    assertTrue(pair.contains("prefill node ggml-cpu, decode node "), pair);
    assertTrue(pair.endsWith("answers may differ, as numbers agree within tolerance"), pair);
  }

  @Test
  @Timeout(60)
  void shouldFailInOneLineWhereADeviceIsNotThere() throws Exception {
    Process run =
        start("--prompt=32", "--output=1", "--link=lo", "--prefill-device=CUDA7", "--repeat=1");
    String said = new String(run.getErrorStream().readAllBytes(), UTF_8);
    assertEquals(1, run.waitFor(), said);
    String last = said.lines().filter(line -> line.contains("baton: ")).toList().getLast();
    assertTrue(last.contains("CUDA7") || last.contains("ggml"), said);
    assertFalse(Files.exists(folder.resolve("out").resolve("result.json")), "nothing half-written");
  }

  @Test
  @Timeout(240)
  void shouldKeepTheRowsSoFarAndLeaveNoProcessAfterCtrlC() throws Exception {
    assumeFalse(System.getProperty("os.name").startsWith("Windows"), "signals");
    Process run =
        start(
            "--prompt=32,64",
            "--output=1",
            "--split=local,remote",
            "--link=" + (ShapedLink.whyMissing() == null ? "300mbit" : "lo"),
            "--repeat=100");
    String said = until(run, "round 3 of");
    List<ProcessHandle> children = run.descendants().toList();
    assertTrue(children.size() >= 2, said);
    new ProcessBuilder("kill", "-INT", Long.toString(run.pid())).start().waitFor();
    said = new String(run.getErrorStream().readAllBytes(), UTF_8);
    assertEquals(130, run.waitFor(), said);
    assertTrue(said.contains("ended early; the 4 rows so far are in "), said);
    for (ProcessHandle child : children) {
      child.onExit().get(20, TimeUnit.SECONDS);
    }
    BenchResult result = BenchResult.read(folder.resolve("out").resolve("result.json"));
    assertFalse(result.complete());
    for (JsonNode row : result.detail().path("rows")) {
      assertTrue(row.path("values").path("ttft_ms").path("rounds").asInt() >= 2, row.toString());
    }
    assertTrue(
        Files.readString(folder.resolve("out").resolve("report.html")).contains("ended early"));
    assertEquals(
        List.of("plot.svg", "report.html", "result.json", "rows.csv"), left(folder.resolve("out")));
    assertEquals(List.of(), left(folder.resolve("tmp")), "nothing is left of the nodes");
  }

  @Test
  @Timeout(120)
  void shouldWriteNothingWhenEndedBeforeTheFirstRow() throws Exception {
    Process run = start("--prompt=32", "--output=1", "--link=lo");
    until(run, "both nodes and their link");
    new ProcessBuilder("kill", Long.toString(run.pid())).start().waitFor();
    String said = new String(run.getErrorStream().readAllBytes(), UTF_8);
    assertEquals(143, run.waitFor(), said);
    assertTrue(said.contains("nothing was written"), said);
    assertEquals(List.of(), left(folder.resolve("out")));
  }

  /** Reads stderr until it says something. */
  private static String until(Process run, String what) throws IOException {
    BufferedReader err = run.errorReader(UTF_8);
    StringBuilder said = new StringBuilder();
    for (int c = err.read(); c >= 0; c = err.read()) {
      said.append((char) c);
      if (said.indexOf(what, Math.max(0, said.length() - what.length())) >= 0) {
        break;
      }
    }
    return said.toString();
  }
}
