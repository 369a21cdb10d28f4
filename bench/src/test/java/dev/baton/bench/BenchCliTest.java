package dev.baton.bench;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.cli.Ranges;
import dev.baton.cli.Within;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class BenchCliTest {
  /** What commands cannot do without. */
  private static final Map<String, List<String>> NEEDED =
      Map.of(
          "load", List.of("--model=gone"),
          "schedule", List.of("--model=gone"),
          "peer", List.of("--model=gone", "--peer=gone=gone"),
          "pareto", List.of("--models=gone", "--budget-usd=1"),
          "model", List.of("--shape=tinyllama-1.1b", "--quant=q4_0", "gone.gguf"),
          "compare", List.of("gone.json", "gone.json"));

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
  void shouldRefuseWhatItDoesNotKnowInOneLine() {
    refuses("sideways", "stream", "--what", "sideways");
    refuses("huge", "stream", "--what=loopback", "--shape=huge");
    refuses("--mtu", "stream", "--what=loopback", "--mtu=1500");
    refuses("--seconds", "stream", "--seconds=-1");
    refuses("--rate", "stream", "--rate=0");
    refuses("--fast", "stream", "--fast");
    refuses("strem", "strem");
  }

  @Test
  void shouldSayTheRangeOfEachOptionWithNumbersAndRefuseWhatIsBeyond() {
    for (CommandLine command :
        BenchCli.commandLine(System.out, System.err).getSubcommands().values()) {
      for (OptionSpec option : command.getCommandSpec().options()) {
        Class<?> of = option.typeInfo().isMultiValue() ? option.auxiliaryTypes()[0] : option.type();
        if (command.getCommandSpec().usageMessage().hidden()
            || !Number.class.isAssignableFrom(MethodType.methodType(of).wrap().returnType())) {
          continue;
        }
        String name = option.longestName();
        Within range = Ranges.range(option);
        assertNotNull(range, () -> command.getCommandName() + " " + name + " says no range");
        boolean signed = name.equals("--seed");
        assertTrue(signed || range.least() >= 0 || range.above() >= 0, name);
        if (!signed) {
          List<String> words =
              new ArrayList<>(NEEDED.getOrDefault(command.getCommandName(), List.of()));
          words.removeIf(word -> word.startsWith(name + "="));
          words.addFirst(command.getCommandName());
          words.add(name + "=-1");
          refuses(name + " takes", words.toArray(String[]::new));
        }
      }
    }
  }

  @Test
  void shouldRefuseWhatASplitCannotBeMeasuredWithInOneLine(@TempDir Path folder)
      throws IOException {
    Path out = folder.resolve("out");
    String to = "--out=" + out;
    refuses("--prompt 1020 with --output 32", "split", to, "--prompt=64,1020");
    refuses("--prompt takes a whole number from 1 to 1048576, not 0", "split", to, "--prompt=9,0");
    refuses(
        "does not fit the model's context of 256", "split", to, "--ctx-size=256", "--prompt=256");
    refuses("names each value once", "split", to, "--output=1,1");
    refuses("'sideways' is no split", "split", to, "--split=local,sideways");
    refuses("past the model's last layer, which is 6", "split", to, "--split=7");
    refuses("'1tbit' is no link", "split", to, "--link=1tbit");
    refuses("--repeat", "split", to, "--repeat=0");
    refuses("no such thing", "split", to, "--watts=no such thing");
    refuses("--watts", "split", to, "--watts=0");
    Path file = Files.writeString(folder.resolve("file"), "");
    refuses("is a file, not a folder", "split", "--out=" + file);
    assertEquals(1, run("split", to, "--model=no-such-model"));
    assertEquals(1, err.toString(UTF_8).lines().count(), err.toString(UTF_8));
    assertEquals("", Files.readString(file));
    assertFalse(Files.exists(out), "nothing half-written");
  }

  @Test
  void shouldRefuseWhatIsNoResultToCompareInOneLine(@TempDir Path folder) throws IOException {
    Path text = Files.writeString(folder.resolve("text.json"), "no JSON");
    refuses("there is no such file", "compare", folder + "/none.json", text.toString());
    refuses("is no result", "compare", text.toString(), text.toString());
    refuses("OLD.json", "compare");
  }

  @Test
  void shouldShowItsCommandsAndNotItsOwnProcesses() {
    assertEquals(0, run("--help"));
    String help = out.toString(UTF_8);
    assertTrue(help.contains("stream") && !help.contains("stream-link"), help);
    assertEquals(2, run());
  }

  @Test
  void shouldFailWhenWhatWasAskedForByNameCannotBeMeasured() {
    assertEquals(1, run("stream", "--what=pair", "--model=no-such-model"));
    assertTrue(out.toString(UTF_8).contains("not measured: "), out.toString(UTF_8));
  }

  @Test
  @Timeout(120)
  void shouldPrintOneJsonObjectWithTheTablesFacts() {
    assertEquals(
        0,
        run("stream", "--what=loopback", "--shape=tiny", "--mtu=65504", "--seconds=0.1", "--json"),
        err.toString(UTF_8));
    JsonNode part = JsonMapper.shared().readTree(out.toString(UTF_8)).path("parts").path(0);
    assertEquals("loopback", part.path("part").asString());
    JsonNode ratio = part.path("figures").path(2);
    assertTrue(ratio.path("name").asString().endsWith("full path / raw"), ratio.toString());
    assertEquals(85.0, ratio.path("bar").path("limit").asDouble());
    assertTrue(ratio.path("value").path("median").asDouble() > 0, ratio.toString());
  }
}
