package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class PlanCommandTest {
  private static final String EXO =
      "plan --cluster exo-10gbe --model llama-3.1-8b-f16 --prompt-tokens 8192 --output-tokens 32";

  @TempDir Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void shouldPrintTheTableThatTheReadmeShows() throws IOException {
    assertEquals(0, run(EXO), err::toString);

    String readme = Files.readString(Path.of("..", "README.md"));
    assertTrue(readme.contains("./baton " + EXO + "\n"));
    assertTrue(readme.contains("```\n" + out() + "```\n"), () -> "the README is to show\n" + out());
  }

  @Test
  void shouldMarkTheChosenPlanAndSayWhyAndUntilWhen() {
    assertEquals(0, run(EXO), err::toString);

    assertEquals(1, out().lines().filter(line -> line.startsWith("*")).count(), out());
    assertTrue(out().lines().anyMatch(line -> line.startsWith("   spark alone ")), out());
    assertTrue(out().contains("8192 tokens in, 32 out: layers [0, "), out());
    assertTrue(out().contains("A prompt of 63 tokens would go to: m3-ultra alone"), out());
    assertEquals("", err());
  }

  @Test
  void shouldPrintTheSameAsOneJsonObject() {
    assertEquals(0, run(EXO + " --json"), err::toString);
    assertEquals(1, out().lines().count());
    JsonNode json = JsonMapper.shared().readTree(out());

    JsonNode chosen = json.get("chosen");
    JsonNode path = chosen.get("prediction").get("path");
    assertEquals("spark", chosen.get("prefillNode").asString());
    assertEquals("m3-ultra", chosen.get("decodeNode").asString());
    assertEquals(8192, json.get("request").get("promptTokens").asInt());
    assertEquals(4, json.get("alternatives").size());
    assertEquals(63, json.get("changeBelow").get("promptTokens").asInt());
    assertTrue(json.get("changeAbove").isNull());
    double sum = 0;
    for (String part : new String[] {"queue", "prefillNode", "link", "prefillHere", "decode"}) {
      sum += path.get(part).asDouble();
    }
    assertEquals(chosen.get("prediction").get("e2eSeconds").asDouble(), sum, 1e-6);
  }

  @Test
  void shouldKeepAShortPromptAtOneNodeAndSayWhy() {
    assertEquals(0, run(EXO.replace("8192", "5")), err::toString);

    assertTrue(out().contains("so few tokens never leave a node"), out());
  }

  @Test
  void shouldChooseByTheObjective() {
    assertEquals("spark", chosen("--objective energy").get("prefillNode").asString());
    assertEquals(32, chosen("--objective energy").get("boundaryLayer").asInt());
    JsonNode within = chosen("--ttft-limit 1600");
    assertTrue(within.get("prediction").get("ttftSeconds").asDouble() <= 1.6, within.toString());
  }

  private JsonNode chosen(String more) {
    out.reset();
    assertEquals(0, run(EXO + " --json " + more), err::toString);
    return JsonMapper.shared().readTree(out()).get("chosen");
  }

  @Test
  void shouldNoteWhichNodesHaveNoRoom() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("two.toml"),
            """
            [[node]]
            name = "small"
            device = "RTX 3080"
            [[node]]
            name = "large"
            device = "RTX 3090"
            """);

    assertEquals(0, run(EXO.replace("exo-10gbe", file.toString())), err::toString);

    assertTrue(err().startsWith("baton: node 'small' is left out: "), err());
    assertTrue(out().contains("large alone"), out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--objective speed            | --objective takes ttft, e2e, energy or cost, not 'speed'",
        "--ttft-limit 0               | --ttft-limit takes a number above 0, not 0.0",
        "--objective cost --ttft-limit 9 | --ttft-limit goes with --objective e2e, not with cost",
        "--cached-tokens 8192         | --cached-tokens is less than --prompt-tokens, not 8192",
      })
  void shouldRefuseOptionsThatMakeNoSense(String options, String expected) {
    assertEquals(2, run(EXO + " " + options));

    assertTrue(err().startsWith("baton: " + expected), err());
    assertEquals(1, err().lines().count());
    assertEquals("", out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "8192             | 200000   | --prompt-tokens takes a whole number from 1 to 131072, not"
            + " 200000",
        "llama-3.1-8b-f16 | lama-3.1-8b-f16 | there is no model 'lama-3.1-8b-f16', did you mean",
        "exo-10gbe        | nowhere.toml | cannot read the cluster file nowhere.toml, it does not",
      })
  void shouldSayWhatIsWrongWithItsInput(String good, String bad, String expected) {
    assertEquals(2, run(EXO.replace(good, bad)));

    assertTrue(err().startsWith("baton: " + expected), err());
    assertEquals(1, err().lines().count());
  }

  private int run(String line) {
    Terminal terminal =
        new Terminal(
            InputStream.nullInputStream(),
            out,
            new PrintStream(err, true, UTF_8),
            false,
            false,
            Map.of());
    return BatonCli.run(terminal, Stream.of(line.split(" ", 0)).toArray(String[]::new));
  }

  private String out() {
    return out.toString(UTF_8);
  }

  private String err() {
    return err.toString(UTF_8);
  }
}
