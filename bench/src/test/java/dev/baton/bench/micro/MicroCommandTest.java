package dev.baton.bench.micro;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.bench.BenchCli;
import dev.baton.bench.report.BenchResult;
import dev.baton.kernel.NativeKernels;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class MicroCommandTest {
  static {
    // Another JMH run on this machine is no reason to fail.
    System.setProperty("jmh.ignoreLock", "true");
  }

  @TempDir Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... words) {
    out.reset();
    err.reset();
    return BenchCli.run(
        new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), words);
  }

  private void refuses(String naming, String... words) {
    assertEquals(2, run(words), err.toString(UTF_8));
    assertEquals("", out.toString(UTF_8));
    String said = err.toString(UTF_8).strip();
    assertEquals(1, said.lines().count(), said);
    assertTrue(said.startsWith("baton: ") && said.contains(naming), said);
  }

  @Test
  void shouldListEveryPartWithItsParameters() {
    assertEquals(0, run("micro", "--list"));
    List<String> lines = out.toString(UTF_8).lines().toList();
    for (String part :
        List.of(
            "attention",
            "cipher.open",
            "cipher.seal",
            "matmul",
            "planner",
            "sampler",
            "slice",
            "tokenizer.decode",
            "tokenizer.encode")) {
      assertTrue(
          lines.stream().anyMatch(line -> line.equals(part) || line.startsWith(part + " ")), part);
    }
    assertEquals(0, run("micro", "mat", "--list", "--param", "type=Q5_K,F16"));
    assertEquals(
        "matmul  type=Q5_K,F16  matrices=LAYER  tokens=1,4,8,16,256  threads=1,2\n",
        out.toString(UTF_8));
  }

  @Test
  void shouldRefuseWhatItDoesNotKnowInOneLine() {
    refuses("no benchmark is called 'gemm'", "micro", "gemm");
    refuses("no regular expression", "micro", "(");
    refuses("no such parameter", "micro", "cipher", "--param", "tokens=4");
    refuses("Q4_0", "micro", "matmul", "--param", "type=Q9");
    refuses("whole number", "micro", "matmul", "--param", "tokens=0");
    refuses("whole number", "micro", "matmul", "--param", "tokens=");
    refuses("--param", "micro", "matmul", "--param", "tokens");
    refuses("cannot be written", "micro", "--json", folder.resolve("no/where.json").toString());
    refuses("cannot be written", "micro", "--jmh-json", folder.toString());
  }

  @Test
  @Timeout(120)
  void shouldSayWhatShareOfTheMachineAKernelReaches() throws Exception {
    assumeTrue(NativeKernels.whyMissing().isEmpty());
    Path json = folder.resolve("micro.json");
    Path jmh = folder.resolve("jmh.json");
    int status =
        run(
            "micro",
            "matmul",
            "--quick",
            "--param=type=Q4_0",
            "--param=matrices=KEY",
            "--param=tokens=1,64",
            "--param=threads=1",
            "--json=" + json,
            "--jmh-json=" + jmh);
    String table = out.toString(UTF_8);
    assertEquals(0, status, table + err.toString(UTF_8));
    assertEquals(4, table.lines().count(), table);
    assertTrue(table.contains("integer dot peak"), table);
    BenchResult result = BenchResult.read(json);
    assertEquals(
        "matmul type=Q4_0 matrices=KEY tokens=64 threads=1, share of the peak",
        result.figures().get(1).name());
    assertTrue(result.provenance().flags().contains("--quick"), result.toString());
    JsonNode trial = JsonMapper.shared().readTree(jmh).path(1);
    assertEquals("64", trial.path("params").path("tokens").asString());
    JsonNode found = trial.path("secondaryMetrics");
    for (String counter : List.of("dotOps", "readBytes")) {
      double rate = found.path(counter).path("score").asDouble();
      double peak = found.path(counter + ".peak").path("score").asDouble();
      double share = found.path(counter + ".share").path("score").asDouble();
      assertTrue(rate > 0 && peak > 0, found.toString());
      assertEquals(100 * rate / peak, share, 0.01 * share, counter);
    }
    assertTrue(found.path("fmaOps.share").isMissingNode(), found.toString());
  }

  @Test
  @Timeout(120)
  void shouldFailInOneLineWhereABenchmarkCannotProveItself() {
    assertEquals(1, run("micro", "tokenizer.encode", "--quick", "--param=model=no-such-model"));
    String said = err.toString(UTF_8).strip();
    assertEquals(1, said.lines().count(), said);
    assertTrue(said.startsWith("baton: tokenizer.encode: no model is called"), said);
  }
}
