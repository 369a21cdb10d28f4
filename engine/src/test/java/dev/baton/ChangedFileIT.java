package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.ChangedFile.Bit;
import dev.baton.kvstream.StreamException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Model files that differ by a bit, between nodes and under them, with real processes. */
@Timeout(300)
class ChangedFileIT {
  private static final GenerateRequest STORY =
      GenerateRequest.of("Once upon a time, there was a little fox and a bird. ".repeat(4))
          .withMaxTokens(8);

  @TempDir Path folder;

  /** What an answer was, and what became of the plan. */
  private record Answer(String text, Report report) {}

  private static Answer answer(Baton baton) throws InterruptedException {
    return answer(baton, STORY);
  }

  private static Answer answer(Baton baton, GenerateRequest request) throws InterruptedException {
    try (Generation generation = baton.generate(request)) {
      StringBuilder text = new StringBuilder();
      for (String next = generation.next(); next != null; next = generation.next()) {
        text.append(next);
      }
      return new Answer(text.toString(), generation.report());
    }
  }

  private BatonProcess node(Path model, String device) {
    return BatonProcess.start(
        Map.of("BATON_HOME", folder.resolve("home").toString()),
        "node",
        "--listen",
        "127.0.0.1:0",
        "--threads",
        "1",
        "--device",
        device,
        "--model",
        model.toString());
  }

  private static Baton open(Path model, String endpoint) {
    return Baton.open(
        BatonConfig.builder(model)
            .prefill(endpoint)
            .split(new Split.Remote())
            .threads(1)
            .lease(Duration.ofSeconds(5))
            .build());
  }

  private static void requireDevice(String device) {
    assumeTrue(
        device.equals("cpu") || !System.getenv().getOrDefault("BATON_GGML_HOME", "").isBlank(),
        "BATON_GGML_HOME names no folder with ggml's libraries (.ci/run brings one)");
  }

  @Test
  void shouldRefuseANodeWhoseFileDiffersByOneBitAtItsFirstAndItsSecondStart() throws Exception {
    ChangedFile changed = new ChangedFile(folder.resolve("changed.gguf"));
    try (BatonProcess whole = node(changed.path(), "cpu")) {
      String _ = whole.awaitReady();
    }
    for (Bit bit : Bit.values()) {
      changed.flip(bit);
      for (int start = 0; start < (bit == Bit.MATRIX || bit == Bit.EMBEDDING ? 2 : 1); start++) {
        try (BatonProcess node = node(changed.path(), "cpu")) {
          String endpoint = node.awaitReady();
          String why =
              String.valueOf(
                  assertThrows(StreamException.class, () -> open(BatonProcess.TINY, endpoint))
                      .getMessage());
          assertTrue(why.contains("has the model"), why);
          assertTrue(why.contains(bit.title), why);
        }
      }
      changed.flip(bit);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "ggml-cpu"})
  void shouldRefuseTheNextOrderOfANodeWhoseFileIsChangedOrCutOff(String device) throws Exception {
    requireDevice(device);
    ChangedFile changed = new ChangedFile(folder.resolve("changed.gguf"));
    try (BatonProcess node = node(changed.path(), device);
        Baton baton = open(BatonProcess.TINY, node.awaitReady())) {
      Answer local = answer(baton, STORY.withSplit(new Split.Local()));
      Answer whole = answer(baton);
      assertNull(whole.report().fallback());
      for (Bit bit : Bit.values()) {
        changed.flip(bit);
        assertRefused(baton, local, changed.path(), bit.title);
        changed.flip(bit);
        assertNull(answer(baton).report().fallback());
      }
      Path aside = Files.copy(changed.path(), folder.resolve("aside.gguf"));
      changed.cut(1_000_000);
      assertRefused(baton, local, changed.path(), "truncated");
      changed.cut(0);
      assertRefused(baton, local, changed.path(), "empty");
      Files.delete(changed.path());
      assertRefused(baton, local, changed.path(), "gone");
      Files.move(aside, changed.path(), StandardCopyOption.REPLACE_EXISTING);
      Answer again = answer(baton);
      assertNull(again.report().fallback());
      assertTrue(again.report().transfer().kvBytes() > 0);
      assertEquals(whole.text(), again.text());
      assertTrue(node.process().isAlive(), node.err());
    }
  }

  private static void assertRefused(Baton baton, Answer local, Path path, String what)
      throws InterruptedException {
    Answer here = answer(baton);
    String why = String.valueOf(here.report().fallback());
    assertTrue(why.contains(path.toString()), why);
    assertTrue(why.contains(what), why);
    assertTrue(why.contains("start this process again"), why);
    assertEquals(local.text(), here.text());
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "ggml-cpu"})
  void shouldRefuseRequestsHereOnceTheOwnFileIsChangedOrCutOff(String device) throws Exception {
    requireDevice(device);
    ChangedFile changed = new ChangedFile(folder.resolve("changed.gguf"));
    try (Baton baton =
        Baton.open(
            BatonConfig.builder(changed.path())
                .split(new Split.Local())
                .device(device)
                .threads(1)
                .build())) {
      Answer whole = answer(baton);
      for (Bit bit : Bit.values()) {
        changed.flip(bit);
        assertTold(baton, changed.path(), bit.title);
        changed.flip(bit);
        assertEquals(whole.text(), answer(baton).text());
      }
      changed.cut(0);
      assertTold(baton, changed.path(), "empty");
    }
  }

  private static void assertTold(Baton baton, Path path, String what) {
    String why =
        String.valueOf(
            assertThrows(BatonException.class, () -> baton.generate(STORY)).getMessage());
    assertTrue(why.contains(path.toString()), why);
    assertTrue(why.contains(what), why);
  }

  @Test
  void shouldEndACommandWithOneLineWhenItsFileIsCutOff() throws Exception {
    ChangedFile changed = new ChangedFile(folder.resolve("changed.gguf"));
    changed.cut(3_000_000);
    try (BatonProcess run =
        BatonProcess.start("run", "--split", "local", "-m", changed.path().toString(), "The")) {
      run.closeInput();
      assertEquals(1, run.await(), run.err());
      assertEquals(1, run.err().lines().count(), run.err());
      assertTrue(run.err().contains("truncated"), run.err());
    }
  }
}
