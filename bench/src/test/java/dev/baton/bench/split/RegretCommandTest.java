package dev.baton.bench.split;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class RegretCommandTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private int run(String... words) {
    PrintStream to = new PrintStream(out, true, UTF_8);
    return new CommandLine(new RegretCommand(to, to)).execute(words);
  }

  @Test
  @Timeout(240)
  void shouldRunEveryCandidateAndThePlannersChoiceForReal() {
    String missing = UnlikePair.whyMissing();
    assumeTrue(missing == null, missing);
    int exit =
        run(
            "--model=baton-tiny",
            "--rate=300",
            "--prompt=64,100000",
            "--output=3",
            "--repeat=2",
            "--json");
    assertEquals(0, exit, out.toString(UTF_8));
    JsonNode all = JsonMapper.shared().readTree(out.toString(UTF_8));
    JsonNode link = all.path("links").path(0).path("measured");
    assertEquals(1, link.path("shapes").size(), "what does not fit the context is left out");
    assertTrue(link.path("nodes").path("decodeNode").asString().contains("avx2"), link.toString());
    assertTrue(link.path("profile").path("here").isObject(), link.toString());
    JsonNode shape = link.path("shapes").path(0);
    int layers = link.path("nodes").path("layers").asInt();
    assertEquals(RegretGrid.candidates(layers).size(), shape.path("candidates").size());
    for (JsonNode runs : shape.path("candidates")) {
      assertEquals(24, runs.size(), "short ones run twelve times as often");
      assertTrue(runs.path(0).path("e2eMs").asDouble() > 0, runs.toString());
    }
    assertEquals(layers, cut(shape, "remote"));
    assertEquals(0, cut(shape, "local"));
    JsonNode chosen = shape.path("baton").path(1).path("chosen");
    assertTrue(chosen.path("e2eMs").asDouble() > 0, shape.toString());
    assertTrue(all.path("figures").path("batonSeconds").asDouble() > 0, all.toString());
  }

  private static int cut(JsonNode shape, String split) {
    return shape.path("candidates").path(split).path(0).path("boundaryLayer").asInt();
  }

  @Test
  void shouldFailWhereTheModelIsNotThere() {
    assertEquals(1, run("--model=no-such-model", "--rate=300"));
    assertTrue(out.toString(UTF_8).startsWith("not measured: "), out.toString(UTF_8));
  }
}
