package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.gguf.GgufWriter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command line with real processes: one prefills, one decodes, and either may die. */
class ProcessIT {
  private static final String FOX = "The little fox";
  private static final String STORY =
      "Once upon a time, there was a little elephant named Luna who lived in a little village. "
          .repeat(50);

  @TempDir Path folder;

  @Test
  void shouldPrintTheSameTextForEverySplitAndInstructionSet() {
    String local = json("--split", "local").path("text").asString();
    assertTrue(local.startsWith(" lived in a green garden. His name was Hugo."), local);
    try (BatonProcess node = node(Map.of("BATON_CPU_ISA", "java"))) {
      String endpoint = node.awaitReady();
      for (String split : List.of("remote", "3")) {
        JsonNode answer = json("--split", split, "--prefill", endpoint);
        assertEquals(local, answer.path("text").asString(), split);
        JsonNode report = answer.path("report");
        assertTrue(report.path("fallback").isNull(), report.toString());
        assertEquals(split.equals("remote") ? 6 : 3, report.path("boundaryLayer").asInt());
        assertEquals(4L * 512 * (split.equals("remote") ? 6 : 3), report.path("kvBytes").asLong());
      }
    }
    assertEquals(local, json("--split", "remote", "--chunk", "1").path("text").asString());
  }

  @Test
  void shouldAnswerAlikeWithAClusterKeyAndRefuseWhoHasNone() {
    Path key = folder.resolve("cluster.key");
    try (BatonProcess made = BatonProcess.start("key", "--out", key.toString())) {
      assertEquals(0, made.await(), made.err());
    }
    String local = json("--split", "local").path("text").asString();
    try (BatonProcess node = node(Map.of("BATON_CLUSTER_KEY_FILE", key.toString()))) {
      String endpoint = node.awaitReady();
      JsonNode answer =
          json("--split", "remote", "--prefill", endpoint, "--cluster-key-file", key.toString());
      assertEquals(local, answer.path("text").asString());
      assertTrue(answer.path("report").path("fallback").isNull(), answer.toString());
      assertTrue(answer.path("report").path("kvBytes").asLong() > 0, answer.toString());
      String wanted = "it needs a cluster key and this node has none";
      fails(1, wanted, "run", "--split", "remote", "--prefill", endpoint, FOX);
    }
    JsonNode own = json("--cluster-key-file", key.toString());
    assertEquals(local, own.path("text").asString());
    assertTrue(own.path("report").path("fallback").isNull(), own.toString());
  }

  @Test
  void shouldMeasureOnceAndDecideForEachRequest() throws IOException {
    Map<String, String> home = Map.of("BATON_HOME", folder.toString());
    try (BatonProcess node = node(Map.of())) {
      String endpoint = node.awaitReady();
      for (int run = 0; run < 2; run++) {
        String prompt = run == 0 ? "hello" : STORY;
        try (BatonProcess auto = auto(home, endpoint, prompt)) {
          assertEquals(0, auto.await(), auto.err());
          JsonNode answer = JsonMapper.shared().readTree(auto.out());
          JsonNode report = answer.path("report");
          assertFalse(report.path("reason").asString().isEmpty(), answer.toString());
          assertTrue(report.path("fallback").isNull(), answer.toString());
          if (run == 0) {
            assertEquals(0, report.path("boundaryLayer").asInt(), answer.toString());
            assertTrue(report.path("reason").asString().contains("never leave"));
          }
        }
        try (Stream<Path> kept = Files.list(folder.resolve("profiles"))) {
          assertEquals(1, kept.count());
        }
      }
    }
    try (BatonProcess journal = BatonProcess.start(home, "journal", "--json")) {
      journal.closeInput();
      assertEquals(0, journal.await(), journal.err());
      assertEquals(2, journal.out().lines().count(), journal.out());
      assertFalse(journal.out().contains("hello"), journal.out());
    }
  }

  @Test
  void shouldPlanWithWhatWasCalibrated() throws IOException {
    Map<String, String> home = Map.of("BATON_HOME", folder.toString());
    String tiny = BatonProcess.TINY.toString();
    try (BatonProcess node = node(Map.of())) {
      String endpoint = node.awaitReady();
      Path alone = folder.resolve("here.json");
      try (BatonProcess calibrate =
          BatonProcess.start(
              home,
              "calibrate",
              "--coarse",
              "--json",
              "--out",
              alone.toString(),
              "--model",
              tiny,
              "--prefill",
              endpoint)) {
        calibrate.closeInput();
        assertEquals(0, calibrate.await(), calibrate.err());
        JsonNode pair = JsonMapper.shared().readTree(calibrate.out());
        assertTrue(pair.path("coarse").asBoolean(), calibrate.out());
        for (String figure :
            List.of(
                "/here/chunks/0/layerSeconds",
                "/there/chunks/0/layerSeconds",
                "/link/f16BytesPerSecond")) {
          assertTrue(pair.at(figure).asDouble() > 0, figure + " of " + calibrate.out());
        }
        // Where a batch takes as long as its sequences one by one, all of a step is theirs.
        double step =
            pair.at("/here/stepSeconds").asDouble() + pair.at("/here/sequenceSeconds").asDouble();
        assertTrue(step > 0, calibrate.out());
        assertEquals(pair.path("here"), JsonMapper.shared().readTree(Files.readString(alone)));
      }
      String kept = profile();
      try (BatonProcess auto = auto(home, endpoint, STORY)) {
        assertEquals(0, auto.await(), auto.err());
        assertTrue(auto.err().contains("baton calibrate"), auto.err());
      }
      assertEquals(kept, profile(), "measured again");
    }
  }

  private String profile() throws IOException {
    try (Stream<Path> kept = Files.list(folder.resolve("profiles"))) {
      return Files.readString(kept.findFirst().orElseThrow());
    }
  }

  /** Who wants to see what is chosen from waits for it to be measured; others do not. */
  private static BatonProcess auto(Map<String, String> home, String endpoint, String prompt) {
    BatonProcess auto =
        BatonProcess.start(
            home,
            "run",
            "--json",
            "--explain",
            "--max-tokens",
            "4",
            "--prefill",
            endpoint,
            "--model",
            BatonProcess.TINY.toString(),
            prompt);
    auto.closeInput();
    return auto;
  }

  @Test
  void shouldHideTheTransferBehindTheCompute() throws IOException {
    Path prompt = Files.writeString(folder.resolve("prompt.txt"), STORY);
    try (BatonProcess run =
        BatonProcess.start("run", "--json", "--chunk", "128", "--max-tokens", "4", "-")) {
      try (var in = run.process().getOutputStream()) {
        Files.copy(prompt, in);
      }
      assertEquals(0, run.await(), run.err());
      JsonNode report = JsonMapper.shared().readTree(run.out()).path("report");
      assertTrue(report.path("promptTokens").asInt() >= 1000, report.toString());
      assertEquals(report.path("promptTokens").asLong() * 512 * 6, report.path("kvBytes").asLong());
      assertTrue(report.path("hiddenShare").asDouble() > 0.9, report.toString());
    }
  }

  @Test
  void shouldFinishTheAnswerWhenThePrefillNodeIsKilledInMidStream() throws InterruptedException {
    String wanted =
        answer(BatonConfig.builder(BatonProcess.TINY).split(new Split.Local()).build(), null);
    for (Split split : List.of(new Split.Remote(), new Split.At(2))) {
      // The oracle kernels are slow enough for the kill to hit the middle of the prompt.
      try (BatonProcess node = node(Map.of("BATON_CPU_ISA", "java"))) {
        BatonConfig config =
            BatonConfig.builder(BatonProcess.TINY)
                .prefill(node.awaitReady())
                .split(split)
                .chunkTokens(32)
                .patient(true)
                .lease(Duration.ofSeconds(2))
                .build();
        assertEquals(wanted, answer(config, node), split.toString());
      }
    }
  }

  /** The answer to the long prompt; the node, if there is one, is killed on the way. */
  private static String answer(BatonConfig config, BatonProcess node) throws InterruptedException {
    try (Baton baton = Baton.open(config)) {
      int free = baton.compute().pool().freeBlocks();
      StringBuilder text = new StringBuilder();
      Report report;
      try (Generation generation = baton.generate(GenerateRequest.of(STORY).withMaxTokens(20))) {
        if (node != null) {
          while (generation.prefillProgress() < 0.1) {
            Thread.sleep(5);
          }
          assertTrue(generation.prefillProgress() < 0.9, "killed too late to be in mid-stream");
          node.signal("KILL");
        }
        for (String piece = generation.next(); piece != null; piece = generation.next()) {
          text.append(piece);
        }
        report = generation.report();
      }
      if (node == null) {
        assertNull(report.fallback());
      } else {
        assertNotNull(report.fallback());
        assertTrue(report.times().ttftNs() < Duration.ofSeconds(10).toNanos(), report.toString());
        // Whoever asks next is answered here, and told why.
        try (Generation next = baton.generate(GenerateRequest.of(FOX).withMaxTokens(3))) {
          assertNotNull(next.report().fallback());
          assertEquals(3, next.report().tokens().outputTokens());
        }
      }
      assertEquals(free, baton.compute().pool().freeBlocks());
      return text.toString();
    }
  }

  @Test
  void shouldLeaveNoProcessBehindWhenTheParentIsKilled() {
    try (BatonProcess run = BatonProcess.start("run", "--max-tokens", "900", FOX)) {
      run.awaitOutput(text -> text.length() > 10, "text");
      List<Long> children = run.children();
      assertEquals(1, children.size());
      run.signal("KILL");
      assertTrue(
          BatonProcess.endsWithin(children.getFirst(), 5_000),
          "the prefill node outlives its parent");
    }
  }

  @Test
  void shouldLeaveNothingBehindOnCtrlC() throws IOException {
    try (BatonProcess run = BatonProcess.start("run", "--max-tokens", "900", FOX)) {
      run.awaitOutput(text -> text.length() > 10, "text");
      List<Long> children = run.children();
      run.signal("INT");
      assertEquals(130, run.await(), run.err());
      for (long child : children) {
        assertTrue(BatonProcess.endsWithin(child, 5_000), "the prefill node outlives its parent");
        assertFalse(mediaFolderOf(child), "the prefill node left its media folder");
      }
      assertFalse(mediaFolderOf(run.process().pid()), "run left its media folder");
    }
  }

  private static boolean mediaFolderOf(long pid) throws IOException {
    Path shm = Path.of("/dev/shm");
    if (!Files.isDirectory(shm)) {
      return false;
    }
    try (Stream<Path> entries = Files.list(shm)) {
      return entries.anyMatch(
          path -> path.getFileName().toString().startsWith("baton-" + pid + "-"));
    }
  }

  @Test
  void shouldSayInOneLineWhatIsWrongAndWhatToDo() throws IOException {
    Path truncated = folder.resolve("truncated.gguf");
    Files.write(truncated, Arrays.copyOf(Files.readAllBytes(BatonProcess.TINY), 300_000));
    fails(1, "truncated.gguf", "run", "--model", truncated.toString(), FOX);
    fails(1, "no-such.gguf", "run", "--model", "no-such.gguf", FOX);
    Path mamba = folder.resolve("mamba.gguf");
    new GgufWriter().string("general.architecture", "mamba").write(mamba);
    fails(1, "mamba", "run", "--model", mamba.toString(), FOX);
    fails(2, "PROMPT", "run");
    fails(2, "prompt is empty", "run", "");
    fails(1, "context is 1024", "run", "--split", "local", STORY + STORY);
    fails(2, "split", "run", "--split", "sideways", FOX);
    fails(2, "layer 7", "run", "--split", "7", FOX);
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      fails(
          1,
          "127.0.0.1:" + free.getLocalPort(),
          "run",
          "--split",
          "remote",
          "--prefill",
          "127.0.0.1:" + free.getLocalPort(),
          FOX);
      // Left to Baton, it is answered here, and told.
      String note =
          json("--prefill", "127.0.0.1:" + free.getLocalPort()).at("/report/fallback").asString();
      assertTrue(note.contains("127.0.0.1:" + free.getLocalPort() + " has not answered"), note);
    }
    try (BatonProcess node = node(Map.of())) {
      String endpoint = node.awaitReady();
      fails(1, "in use", "node", "--role", "prefill", "--listen", endpoint);
      byte[] other = Files.readAllBytes(BatonProcess.TINY);
      other[other.length - 1] ^= 1;
      Path unlike = Files.write(folder.resolve("unlike.gguf"), other);
      String model = unlike.toString();
      fails(1, "model", "run", "--split=remote", "--model", model, "--prefill", endpoint, FOX);
      node.signal("INT");
      assertEquals(130, node.await(), node.err());
    }
  }

  private static void fails(int code, String naming, String... arguments) {
    try (BatonProcess process = BatonProcess.start(arguments)) {
      process.closeInput();
      String command = String.join(" ", Arrays.copyOf(arguments, Math.min(5, arguments.length)));
      assertEquals(code, process.await(), command + ": " + process.err());
      assertEquals("", process.out(), command);
      String error = process.err().strip();
      assertTrue(error.startsWith("baton: ") && error.contains(naming), command + ": " + error);
      assertFalse(error.contains("\tat ") || error.contains("Exception"), error);
      if (code == 1) {
        assertEquals(1, error.lines().count(), error);
      }
    }
  }

  @Test
  void shouldNotBeReadyForAModelThatRunRefuses() throws IOException {
    String whole = Files.readString(BatonProcess.TINY, StandardCharsets.ISO_8859_1);
    String broken = whole.replace("tokenizer.ggml.tokens", "tokenizer.ggml.nobody");
    Path model = folder.resolve("wordless.gguf");
    Files.writeString(model, broken, StandardCharsets.ISO_8859_1);
    String why = refusal("run", "--split", "local", "--model", model.toString(), FOX);
    assertEquals(why, refusal("node", "--model", model.toString()));
  }

  private static String refusal(String... arguments) {
    try (BatonProcess process = BatonProcess.start(arguments)) {
      process.closeInput();
      assertEquals(1, process.await(), process.err());
      assertEquals("", process.out());
      return process.err().strip();
    }
  }

  private static BatonProcess node(Map<String, String> environment) {
    return BatonProcess.start(
        environment,
        "node",
        "--role",
        "prefill",
        "--listen",
        "127.0.0.1:0",
        "--model",
        BatonProcess.TINY.toString());
  }

  private static JsonNode json(String... options) {
    String[] arguments =
        Arrays.copyOf(new String[] {"run", "--json", "--max-tokens", "24"}, 5 + options.length);
    System.arraycopy(options, 0, arguments, 4, options.length);
    arguments[arguments.length - 1] = FOX;
    try (BatonProcess run = BatonProcess.start(arguments)) {
      run.closeInput();
      assertEquals(0, run.await(), run.err());
      return JsonMapper.shared().readTree(run.out());
    }
  }
}
