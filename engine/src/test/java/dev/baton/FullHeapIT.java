package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.StreamException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Processes whose heap is full for moments: mvn -Psoak verify. */
@Tag("soak")
@Timeout(240)
class FullHeapIT {
  private static final String MAIN = "dev.baton.CrowdedProcess";
  private static final Map<String, String> SMALL = Map.of("JAVA_TOOL_OPTIONS", "-Xmx48m");

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void shouldEndEveryAnswerWithItsTokensOrAReasonAndClose(long seed) {
    try (BatonProcess process =
        BatonProcess.startMain(MAIN, List.of(), SMALL, "answers", Long.toString(seed))) {
      assertEquals(0, process.await(), () -> process.out() + process.err());
      assertTrue(process.out().startsWith("ENDED"), process.out());
    }
  }

  @Test
  void shouldEndANodeWithALineAndExitCode1AndAnswerWithoutIt() throws Exception {
    try (BatonProcess node =
        BatonProcess.startMain(
            MAIN, List.of(), SMALL, "node", "--model", BatonProcess.TINY.toString())) {
      String endpoint = node.awaitReady();
      for (int i = 0; i < 20 && node.process().isAlive(); i++) {
        askUntilItEnds(node, endpoint);
      }
      assertEquals(1, node.await(), node::err);
      String said = node.err().replaceAll("(?m)^Picked up .*\\R", "");
      List<String> complaints =
          said.lines()
              .filter(line -> line.startsWith("baton: ") && !line.contains("node ready"))
              .toList();
      assertEquals(1, complaints.size(), said);
      assertTrue(!said.contains("\tat "), said);
    }
  }

  private static void askUntilItEnds(BatonProcess node, String endpoint) throws Exception {
    BatonConfig config =
        BatonConfig.builder(BatonProcess.TINY).prefill(endpoint).patient(true).build();
    int[] prompt = new int[900];
    Arrays.fill(prompt, 7);
    try (Baton baton = Baton.open(config)) {
      for (int i = 0; i < 500 && node.process().isAlive(); i++) {
        try (Generation answer = baton.generateExactly(prompt, 2, new Split.Remote())) {
          while (answer.next() != null) {
            // Answered here, if need be.
          }
          assertEquals("length", answer.report().end());
        }
      }
    } catch (StreamException e) {
      // It does not answer at once while its heap is full, or is gone.
    }
  }
}
