package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a node's operator sees on stderr. */
@Timeout(120)
class NodeOutputIT {
  private static BatonProcess node(Map<String, String> environment, String... options) {
    List<String> words = new ArrayList<>(List.of("node", "--model", BatonProcess.TINY.toString()));
    words.addAll(List.of(options));
    return BatonProcess.start(environment, words.toArray(String[]::new));
  }

  private static void ask(BatonProcess node, int boundary) throws InterruptedException {
    BatonConfig config =
        BatonConfig.builder(BatonProcess.TINY)
            .prefill(node.awaitReady())
            .split(new Split.At(boundary))
            .build();
    try (Baton baton = Baton.open(config);
        Generation answer =
            baton.generate(GenerateRequest.of("A little fox went").withMaxTokens(6))) {
      assertEquals(null, answer.report().fallback());
      assertTrue(answer.report().transfer().kvBytes() > 0);
    }
  }

  private static List<String> orders(BatonProcess node) {
    return node.err().lines().filter(line -> line.contains("order of ")).toList();
  }

  @Test
  void shouldPrintALineForEachOrderWhereThatIsAsked() throws Exception {
    try (BatonProcess node = node(Map.of(), "--verbose")) {
      ask(node, 6);
      ask(node, 3);
      node.signal("TERM");
      node.await();
      List<String> lines = orders(node);
      assertEquals(2, lines.size(), node.err());
      for (int i = 0; i < 2; i++) {
        String wanted =
            "baton: order of the decode node at 127\\.0\\.0\\.1:\\d+: \\d+ tokens, \\d+ of them"
                + " held, layers \\[0, "
                + (i == 0 ? 6 : 3)
                + "\\), \\d+ ms, [1-9]\\d* bytes sent, 0 resumed, delivered";
        assertTrue(lines.get(i).matches(wanted), lines.get(i));
      }
    }
  }

  @Test
  void shouldPrintNoneElse() throws Exception {
    try (BatonProcess node = node(Map.of())) {
      ask(node, 6);
      node.signal("TERM");
      node.await();
      assertEquals(List.of(), orders(node), node.err());
    }
  }

  private static List<String> logOf(String level) {
    // Nobody is there: the prefill is done here, which is logged as well as noted in the report.
    try (BatonProcess run =
        BatonProcess.start(
            Map.of("BATON_LOG", level),
            "run",
            "--split",
            "auto",
            "--prefill",
            "127.0.0.1:1",
            "--max-tokens",
            "2",
            "hello")) {
      run.closeInput();
      assertEquals(0, run.await(), run.err());
      return run.err().lines().filter(line -> line.contains(" info: ")).toList();
    }
  }

  @Test
  void shouldLogWhatTheEnvironmentAsksForAndOnce() {
    List<String> lines = logOf("info");
    assertEquals(1, lines.size(), lines.toString());
    assertTrue(
        lines
            .getFirst()
            .matches("baton: \\d\\d:\\d\\d:\\d\\d\\.\\d{3} info: a prefill was finished here: .*"),
        lines.toString());
    assertEquals(List.of(), logOf("warning"));
  }

  @Test
  void shouldRefuseALevelThatThereIsNot() {
    try (BatonProcess run = BatonProcess.start(Map.of("BATON_LOG", "loud"), "models")) {
      assertEquals(2, run.await());
      assertEquals(
          "baton: BATON_LOG=loud is none of off, error, warning, info, debug\n", run.err());
    }
  }
}
