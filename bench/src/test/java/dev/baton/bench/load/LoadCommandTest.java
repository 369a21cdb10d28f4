package dev.baton.bench.load;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.kernel.NativeKernels;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class LoadCommandTest {
  @Test
  @Timeout(120)
  void shouldMeasureTheFirstStartAndTheNext() {
    assumeTrue(NativeKernels.whyMissing().isEmpty(), "no C kernels, which alone pack");
    assumeTrue(Files.exists(Path.of("/proc/self/smaps_rollup")), "memory is read on Linux only");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int status =
        new CommandLine(new LoadCommand(new PrintStream(out, true, UTF_8), System.err))
            .execute("--model=baton-tiny", "--repeat=1", "--json");
    assertEquals(0, status, out.toString(UTF_8));
    JsonNode report = JsonMapper.shared().readTree(out.toString(UTF_8));
    List<JsonNode> figures = report.get("figures").valueStream().toList();
    assertEquals(8, figures.size());
    assertTrue(
        figures.stream().allMatch(figure -> figure.get("value").get("median").asDouble() > 0));
    String second = figures.get(3).get("name").asString();
    assertTrue(second.contains("mapped") || second.contains("read"), second);
  }
}
