package dev.baton.bench.pareto;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.bench.BenchCli;
import dev.baton.bench.energy.EnergyMeter;
import dev.baton.bench.model.HeldOutText;
import dev.baton.bench.model.SyntheticModels;
import dev.baton.bench.report.BenchResult;
import dev.baton.catalog.ModelCatalog;
import dev.baton.kernel.NativeKernels;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

final class ParetoCommandTest {
  @TempDir Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... words) {
    out.reset();
    err.reset();
    return BenchCli.run(
        new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), words);
  }

  private void refuses(int status, String naming, String... words) {
    assertEquals(status, run(words), err.toString(UTF_8));
    String said = err.toString(UTF_8).strip();
    assertEquals("", out.toString(UTF_8));
    assertEquals(1, said.lines().count(), said);
    assertTrue(said.startsWith("baton: ") && said.contains(naming), said);
  }

  @Test
  void shouldRefuseWhatMakesNoSenseInOneLine() {
    refuses(2, "--budget-usd", "pareto", "--models=baton-tiny");
    refuses(2, "--models", "pareto", "--budget-usd=1");
    refuses(2, "--budget-usd", "pareto", "--models=baton-tiny", "--budget-usd=0");
    refuses(2, "--watts", "pareto", "--models=baton-tiny", "--budget-usd=1", "--watts=-5");
    refuses(2, "twice", "pareto", "--models=baton-tiny,baton-tiny", "--budget-usd=1");
    refuses(2, "--text", "pareto", "--models=baton-tiny", "--budget-usd=1", "--text=gone.txt");
    refuses(2, "--prompt", "pareto", "--models=baton-tiny", "--budget-usd=1", "--prompt=0");
    refuses(1, "no model is called", "pareto", "--models=baton-huge", "--budget-usd=1");
  }

  /** The model knows its stories; random weights of another tokenizer know nothing. */
  @Test
  @Timeout(120)
  void shouldSetQualityBesideWhatItTakes() throws Exception {
    assumeTrue(NativeKernels.whyMissing().isEmpty());
    String text = HeldOutText.read();
    Path part = Files.writeString(folder.resolve("stories.txt"), text.substring(0, 6000));
    Path noise = SyntheticModels.small(folder.resolve("noise.gguf"));
    int status =
        run(
            "pareto",
            "--models=baton-tiny," + noise,
            "--text=" + part,
            "--budget-usd=2",
            "--watts=100",
            "--device-usd=0",
            "--usd-per-kwh=0.36",
            "--prompt=600",
            "--output=100",
            "--repeat=1",
            "--json");
    assertEquals(0, status, out.toString(UTF_8) + err.toString(UTF_8));
    BenchResult result =
        BenchResult.read(Files.writeString(folder.resolve("pareto.json"), out.toString(UTF_8)));
    assertEquals(2 * 5, result.figures().size());
    JsonNode report = Objects.requireNonNull(result.detail());
    JsonNode tiny = report.path("models").path(0).path("candidate");
    JsonNode random = report.path("models").path(1).path("candidate");
    assertTrue(tiny.path("bitsPerByte").asDouble() < 1, tiny.toString());
    assertTrue(random.path("bitsPerByte").asDouble() > 1.5, random.toString());
    double joules = tiny.path("joules").path("median").asDouble();
    if (EnergyMeter.ofPackages(EnergyMeter.POWERCAP).isEmpty()) {
      assertEquals(100 * tiny.path("answerSeconds").path("median").asDouble(), joules, 1e-9);
    }
    assertEquals(joules * 1e-7, tiny.path("usd").asDouble(), joules * 1e-12);
    double saved = (8 - tiny.path("bitsPerByte").asDouble()) * 100 / joules;
    assertEquals(saved, tiny.path("savedBitsPerJoule").asDouble(), saved * 1e-9);
    assertTrue(report.path("models").path(0).path("onFront").asBoolean());
  }

  /** The note of the model tells of the same text, story by story; longer runs know more. */
  @Test
  void shouldComeCloseToThePublishedPerplexity() {
    assumeTrue(NativeKernels.whyMissing().isEmpty());
    Path tiny = ModelCatalog.of(Map.of("BATON_HOME", folder.toString())).resolve("baton-tiny");
    TextScore one = TextScore.of(tiny, 1, HeldOutText.read());
    assertEquals(2.869, one.perplexity(), 0.15);
    assertEquals(one, TextScore.of(tiny, 2, HeldOutText.read()), "by threads");
    assertEquals(29191, one.bytes());
  }

  @Test
  @Timeout(60)
  void shouldSayWhichModelsContextIsTooShort() {
    assumeTrue(NativeKernels.whyMissing().isEmpty());
    refuses(
        1,
        "prompt and answer are",
        "pareto",
        "--models=baton-tiny",
        "--budget-usd=1",
        "--prompt=9000",
        "--repeat=1");
  }
}
