package dev.baton.bench.schedule;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class ScheduleCommandTest {
  private static String run(String... more) {
    List<String> words = new ArrayList<>(List.of("--model=baton-tiny", "--rounds=1"));
    words.addAll(List.of(more));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int status =
        new CommandLine(new ScheduleCommand(new PrintStream(out, true, UTF_8), System.err))
            .execute(words.toArray(String[]::new));
    assertEquals(0, status, out.toString(UTF_8));
    return out.toString(UTF_8);
  }

  private static double median(JsonNode result, String name) {
    return result
        .get("figures")
        .valueStream()
        .filter(figure -> figure.get("name").asString().equals(name))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no '" + name + "' in " + result))
        .get("median")
        .asDouble();
  }

  @Test
  @Timeout(120)
  void shouldMeasureEveryPartIntoOneResult(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("result.json");
    String printed =
        run(
            "--prompt-tokens=200",
            "--prompts=20",
            "--sessions=4",
            "--steps=4",
            "--json",
            "--out=" + file);
    assertEquals(printed, Files.readString(file));
    JsonNode result = JsonMapper.shared().readTree(printed);
    assertTrue(median(result, "gaps, bounded: prompts") > 0);
    assertTrue(median(result, "gaps, throughput of both, bounded / unbounded") > 0);
    long counted =
        result
            .at("/detail/histograms/with the bound/counts")
            .valueStream()
            .mapToLong(JsonNode::asLong)
            .sum();
    assertEquals(median(result, "gaps, bounded: gaps"), counted);
    assertTrue(median(result, "tiny, first token alone") > 0);
    for (String kind : List.of("greedy", "sampled")) {
      double beyond = median(result, "batch, " + kind + ": beyond products and attention");
      assertTrue(beyond > 0 && beyond < 100, kind + " " + beyond);
    }
    assertTrue(median(result, "preemption, preemptions") > 0);
    assertTrue(median(result, "preemption, tokens computed twice") > 0);
  }

  @Test
  @Timeout(120)
  void shouldSayWhereAPromptDoesNotFitAndDrawTheGaps() {
    String page = run("--part=gaps", "--prompt-tokens=100000", "--prompts=1", "--seconds=2");
    assertTrue(page.contains("prompts of 100000 tokens do not fit the context of 1024"), page);
    assertTrue(page.contains(" ms ") && page.contains("#"), page);
  }
}
