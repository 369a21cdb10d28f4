package dev.baton.bench.load;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.bench.model.SyntheticModels;
import dev.baton.kernel.NativeKernels;
import dev.baton.node.JavaCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A model of 131,072 tokens of context, whose KV takes 4.3 GB, where there is not so much. */
@Timeout(120)
final class SmallMemoryTest {
  private static final Path GROUPS = Path.of("/sys/fs/cgroup/memory");
  private static final long GROUP_BYTES = 400L << 20;
  private static final int CONTEXT = 131_072;

  @TempDir static Path folder;

  private static Path model;

  private record Ended(int status, String out, String err) {}

  @BeforeAll
  static void writeModel() throws IOException {
    assumeTrue(NativeKernels.whyMissing().isEmpty(), "no C kernels");
    assumeTrue(Files.exists(Path.of("/proc/self/status")), "limits are set as on Linux");
    model = SyntheticModels.ofLongContext(folder.resolve("long.gguf"));
  }

  private static Ended run(String limit, String... options) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("bash", "-c", limit + " && exec \"$@\"", "bash"));
    command.addAll(JavaCommand.of("dev.baton.cli.BatonCli", "-Xmx128m", "-XX:+UseSerialGC"));
    command.addAll(List.of("run", "--model", model.toString(), "--max-tokens", "4"));
    command.addAll(List.of(options));
    command.add("hello");
    Path err = folder.resolve("err");
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(err.toFile());
    builder.environment().put("BATON_HOME", folder.resolve("home").toString());
    builder.environment().remove("BATON_JAVA_OPTS");
    Process process = builder.start();
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    return new Ended(process.waitFor(), out, Files.readString(err));
  }

  @Test
  void shouldTakeLessRoomWhereTheSystemRefusesAndSayWhatFits() throws Exception {
    String limit = "ulimit -v 6000000";
    Ended usual = run(limit, "--split=local");
    assertEquals(0, usual.status(), usual.err());
    assertTrue(usual.err().contains("memory limits the context to "), usual.err());

    Ended whole = run(limit, "--split=local", "--ctx-size=" + CONTEXT);
    assertEquals(1, whole.status(), whole.out());
    assertEquals(1, whole.err().lines().count(), whole.err());
    Matcher advice = Pattern.compile("(--ctx-size \\d+) fits").matcher(whole.err());
    assertTrue(advice.find(), whole.err());
    assertEquals(0, run(limit, "--split=local", advice.group(1).replace(' ', '=')).status());
  }

  @Test
  void shouldSetNothingAsideForAContextThatIsNotUsed() throws Exception {
    Ended whole = run("true", "--split=local", "--ctx-size=" + CONTEXT);
    assertEquals(0, whole.status(), whole.err());
  }

  /** Both nodes and the weights, which take 100 MB for each that has a copy. */
  @Test
  void shouldAnswerInAControlGroupThatHoldsTheWeightsOnce() throws Exception {
    Path group = GROUPS.resolve("baton-test-" + ProcessHandle.current().pid());
    assumeTrue(Files.isWritable(GROUPS), "no right to make a control group");
    Files.createDirectory(group);
    try {
      Files.writeString(group.resolve("memory.limit_in_bytes"), Long.toString(GROUP_BYTES));
      Ended ended = run("echo $$ > " + group.resolve("cgroup.procs"));
      assertEquals(0, ended.status(), ended.err());
      assertTrue(ended.err().contains("memory limits the context to "), ended.err());
      assertTrue(ended.err().contains("prefill node pid"), ended.err());
    } finally {
      Files.deleteIfExists(group);
    }
  }
}
