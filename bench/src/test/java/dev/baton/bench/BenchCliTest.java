package dev.baton.bench;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class BenchCliTest {
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
