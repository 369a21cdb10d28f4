package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Accelerators with real processes, on ggml's CPU device and on Mesa's llvmpipe for Vulkan. */
class GgmlIT {
  private static final String HOME = "BATON_GGML_HOME";
  private static final String FOX = "The little fox";
  private static final String STORY =
      "Once upon a time, there was a little elephant named Luna who lived in a little village. "
          .repeat(12);
  private static final Path HELD_OUT =
      Path.of("src", "test", "resources", "dev", "baton", "baton-tiny-heldout.txt");

  @TempDir Path folder;

  private static Path libraries() {
    String home = System.getenv().getOrDefault(HOME, "");
    Assumptions.assumeTrue(
        !home.isBlank(), HOME + " names no folder with ggml's libraries (.ci/run brings one)");
    return Path.of(home);
  }

  /** The device by that name, or the test is skipped. */
  private static void require(String device) {
    Path libraries = libraries();
    if (device.startsWith("Vulkan")) {
      Assumptions.assumeTrue(
          Files.exists(libraries.resolve("libggml-vulkan.so")),
          libraries + " holds no libggml-vulkan.so");
      boolean found = false;
      for (JsonNode one : devices(Map.of())) {
        found |= one.path("name").asString().equals(device) && one.path("unusable").isNull();
      }
      Assumptions.assumeTrue(found, "no Vulkan device (apt install mesa-vulkan-drivers)");
    }
  }

  private static JsonNode devices(Map<String, String> environment) {
    try (BatonProcess devices = BatonProcess.start(environment, "devices", "--json")) {
      devices.closeInput();
      assertEquals(0, devices.await(), devices.err());
      return JsonMapper.shared().readTree(devices.out());
    }
  }

  private static JsonNode run(String... options) {
    String[] arguments =
        Arrays.copyOf(
            new String[] {"run", "--json", "--max-tokens", "32", "--threads", "1"},
            6 + options.length);
    System.arraycopy(options, 0, arguments, 6, options.length);
    try (BatonProcess run = BatonProcess.start(arguments)) {
      run.closeInput();
      assertEquals(0, run.await(), run.err());
      return JsonMapper.shared().readTree(run.out());
    }
  }

  private static BatonProcess node(String device) {
    return BatonProcess.start(
        "node",
        "--device",
        device,
        "--threads",
        "1",
        "--listen",
        "127.0.0.1:0",
        "--model",
        BatonProcess.TINY.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"ggml-cpu", "Vulkan0"})
  void shouldShareRequestsBetweenBackendsEitherWay(String device) {
    require(device);
    String local = run("--split", "local", FOX).path("text").asString();
    try (BatonProcess there = node(device);
        BatonProcess here = node("cpu")) {
      String accelerated = there.awaitReady();
      String plain = here.awaitReady();
      for (String split : List.of("remote", "3")) {
        assertSame(local, run("--split", split, "--prefill", accelerated, FOX));
        assertSame(local, run("--split", split, "--device", device, "--prefill", plain, FOX));
      }
    }
  }

  private static void assertSame(String text, JsonNode answer) {
    JsonNode report = answer.path("report");
    assertTrue(report.path("fallback").isNull(), report.toString());
    assertEquals("within tolerance", report.path("numbers").asString(), report.toString());
    assertTrue(report.path("kvBytes").asLong() > 0, report.toString());
    assertEquals(text, answer.path("text").asString(), report.toString());
  }

  @Test
  void shouldSayTheSameBehindABeginningThatWasComputedBefore() throws InterruptedException {
    libraries();
    BatonConfig config =
        BatonConfig.builder(BatonProcess.TINY)
            .device("ggml-cpu")
            .threads(1)
            .split(new Split.Local())
            .build();
    GenerateRequest request = GenerateRequest.of(STORY).asRaw().withMaxTokens(40);
    List<String> texts = new ArrayList<>();
    try (Baton baton = Baton.open(config)) {
      for (int i = 0; i < 3; i++) {
        try (Generation answer = baton.generate(request)) {
          StringBuilder text = new StringBuilder();
          for (String piece = answer.next(); piece != null; piece = answer.next()) {
            text.append(piece);
          }
          texts.add(text.toString());
          int cached = answer.report().tokens().cachedTokens();
          assertTrue(i == 0 ? cached == 0 : cached >= 128, cached + " cached tokens");
        }
      }
    }
    assertFalse(texts.getFirst().isBlank());
    assertEquals(Collections.nCopies(3, texts.getFirst()), texts);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ggml-cpu", "Vulkan0"})
  void shouldProveToBeCloseToBatonsOwnNumbers(String device) {
    require(device);
    try (BatonProcess verify =
        BatonProcess.start(
            "verify",
            "--device",
            device,
            "--windows",
            "2",
            "--threads",
            "1",
            "--json",
            HELD_OUT.toString())) {
      verify.closeInput();
      assertEquals(0, verify.await(), verify.err());
      JsonNode found = JsonMapper.shared().readTree(verify.out());
      double ratio =
          found.path("perplexity").asDouble() / found.path("referencePerplexity").asDouble();
      assertEquals(1, ratio, 0.005, found.toString());
      assertTrue(found.path("logitError").asDouble() < 0.05, found.toString());
      assertNotEquals(0, found.path("logitError").asDouble(), "it is not the same backend");
      assertTrue(found.path("topOneAgreement").asDouble() > 0.97, found.toString());
      assertTrue(
          found.path("greedyTokens").asInt() == 32 || !found.path("difference").isNull(),
          found.toString());
    }
  }

  @Test
  void shouldMeasureAndPlanWithADeviceAndSayThatNumbersAgreeWithinTolerance() {
    libraries();
    try (BatonProcess run =
        BatonProcess.start(
            Map.of("BATON_HOME", folder.toString()),
            "run",
            "--json",
            "--explain",
            "--split",
            "remote",
            "--prefill-device",
            "ggml-cpu",
            "--threads",
            "1",
            "--max-tokens",
            "4",
            FOX)) {
      run.closeInput();
      assertEquals(0, run.await(), run.err());
      JsonNode report = JsonMapper.shared().readTree(run.out()).path("report");
      assertTrue(report.path("prefillNode").asString().contains("ggml"), report.toString());
      assertTrue(
          report.path("reason").asString().endsWith("numbers agree within tolerance"),
          report.toString());
    }
  }

  @Test
  void shouldSendEachLayerWhileTheDeviceComputesTheNext() throws IOException {
    require("Vulkan0");
    Path trace = folder.resolve("trace.json");
    try (BatonProcess there = node("Vulkan0")) {
      // The first request has the device's programs made; the second is the one to look at, and
      // nothing of it is to be there already.
      for (int request = 0; request < 2; request++) {
        JsonNode answer =
            run(
                "--split",
                "remote",
                "--prefill",
                there.awaitReady(),
                "--patient",
                "--chunk",
                "512",
                "--last-chunk",
                "512",
                "--trace",
                trace.toString(),
                request + STORY);
        assertTrue(answer.path("report").path("fallback").isNull(), answer.toString());
      }
    }
    JsonNode events = JsonMapper.shared().readTree(Files.readString(trace));
    for (int layer = 0; layer < 4; layer++) {
      double arrived = first(events, "e", layer);
      double nextBegun = first(events, "X", layer + 1);
      double nextDone = nextBegun + duration(events, layer + 1);
      assertTrue(
          arrived < nextDone,
          "layer " + layer + " came at " + arrived + ", the next was done at " + nextDone);
    }
  }

  /** When the first event of a phase is about a layer. */
  private static double first(JsonNode events, String phase, int layer) {
    return find(events, phase, layer).path("ts").asDouble();
  }

  private static double duration(JsonNode events, int layer) {
    return find(events, "X", layer).path("dur").asDouble();
  }

  private static JsonNode find(JsonNode events, String phase, int layer) {
    for (JsonNode event : events) {
      if (event.path("ph").asString().equals(phase)
          && event.path("name").asString().startsWith("layer " + layer + ",")) {
        return event;
      }
    }
    throw new AssertionError("no event " + phase + " of layer " + layer + " in " + events);
  }

  @Test
  void shouldEndTheNodeAndNotTheAnswerWhenTheLibraryAborts() {
    libraries();
    String local = run("--split", "local", STORY).path("text").asString();
    try (BatonProcess node =
        BatonProcess.startMain(
            "dev.baton.AbortingNode",
            List.of(),
            Map.of(),
            "node",
            "--device",
            "ggml-cpu",
            "--threads",
            "1",
            "--model",
            BatonProcess.TINY.toString())) {
      JsonNode answer =
          run(
              "--split",
              "remote",
              "--prefill",
              node.awaitReady(),
              "--patient",
              "--chunk",
              "4",
              "--last-chunk",
              "4",
              STORY);
      assertEquals(local, answer.path("text").asString());
      String fallback = answer.path("report").path("fallback").asString();
      assertTrue(fallback.contains("ggml gave up") && fallback.contains("provoked"), fallback);
      assertEquals(1, node.await(), node.err());
      assertTrue(node.err().contains("a provoked fault"), node.err());
    }
  }

  @Test
  void shouldListWhatCanComputeAndSayOfTheRestWhatToDo() throws IOException {
    Path libraries = libraries();
    List<String> usable = new ArrayList<>();
    for (JsonNode device : devices(Map.of())) {
      if (device.path("unusable").isNull()) {
        usable.add(device.path("name").asString());
      }
    }
    assertTrue(usable.containsAll(List.of("cpu", "ggml-cpu")), usable.toString());
    if (Files.exists(libraries.resolve("libggml-vulkan.so"))) {
      boolean told = false;
      Map<String, String> noDriver =
          Map.of("VK_DRIVER_FILES", "/none", "VK_ICD_FILENAMES", "/none");
      for (JsonNode device : devices(noDriver)) {
        told |= device.path("unusable").asString("").contains("no device of that kind was found");
      }
      assertTrue(told, "a plugin without a driver");
    }
    assertRefused("there is no device CUDA7", Map.of(), "CUDA7");
    assertRefused("baton pull ggml", Map.of(HOME, "", "BATON_HOME", folder.toString()), "ggml-cpu");
    Path mixed = Files.createDirectory(folder.resolve("mixed"));
    try (Stream<Path> files = Files.list(libraries)) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString();
        if (name.startsWith("libggml-base") || name.startsWith("libggml.")) {
          Files.copy(file, mixed.resolve(name));
        }
      }
    }
    Files.writeString(mixed.resolve("libggml.so"), "of another release");
    assertRefused("several releases", Map.of(HOME, mixed.toString()), "ggml-cpu");
  }

  @Test
  void shouldRefuseAnotherVersionAndTooLittleMemoryInOneLine() throws Exception {
    libraries();
    Path stub = Files.createDirectory(folder.resolve("old"));
    Path source = folder.resolve("old.c");
    Files.writeString(source, "const char *ggml_version(void) { return \"0.4.1\"; }\n");
    for (String name : List.of("libggml-base.so", "libggml.so")) {
      Process cc;
      try {
        cc =
            new ProcessBuilder(
                    "cc",
                    "-shared",
                    "-fPIC",
                    "-o",
                    stub.resolve(name).toString(),
                    source.toString())
                .start();
      } catch (IOException e) {
        Assumptions.abort("no C compiler");
        return;
      }
      assertEquals(0, cc.waitFor());
    }
    assertRefused("is ggml 0.4.1; use 0.9.7 or newer", Map.of(HOME, stub.toString()), "ggml-cpu");
    assertRefused(
        "too little memory for a KV cache", Map.of(), "ggml-cpu", "--kv-tokens", "900000000");
  }

  private static void assertRefused(
      String why, Map<String, String> environment, String device, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of("node", "--device", device, "--model", BatonProcess.TINY.toString()));
    arguments.addAll(List.of(more));
    try (BatonProcess node = BatonProcess.start(environment, arguments.toArray(String[]::new))) {
      node.closeInput();
      assertEquals(1, node.await(), node.out());
      assertEquals(1, node.err().lines().count(), node.err());
      assertTrue(node.err().contains(why), node.err());
      assertFalse(node.err().contains("internal error"), node.err());
    }
  }
}
