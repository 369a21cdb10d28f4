package dev.baton.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

final class SimulatedPrefixIndexTest {
  private static TraceRequest request(Integer... blocks) {
    return new TraceRequest(0, blocks.length * Trace.BLOCK_TOKENS, 1, List.of(blocks));
  }

  @Test
  void shouldCountOnlyBlocksWhosePrefixIsThere() {
    SimulatedPrefixIndex prefixes = new SimulatedPrefixIndex(10);
    prefixes.keep(request(1, 2, 3));
    assertEquals(1024, prefixes.cachedTokens(request(1, 2, 9)));
    assertEquals(0, prefixes.cachedTokens(request(9, 2, 3)));
    assertEquals(3 * 512 - 1, prefixes.cachedTokens(request(1, 2, 3)));
  }

  @Test
  void shouldForgetWhatWasUsedLongestAgoAndAPromptFromItsEnd() {
    SimulatedPrefixIndex prefixes = new SimulatedPrefixIndex(4);
    prefixes.keep(request(1, 2, 3));
    prefixes.keep(request(7, 8));
    assertEquals(4, prefixes.size());
    assertEquals(1024, prefixes.cachedTokens(request(1, 2, 3)));
    prefixes.keep(request(1, 2));
    prefixes.keep(request(5, 6));
    assertEquals(0, prefixes.cachedTokens(request(7, 8)));
    assertEquals(1024, prefixes.cachedTokens(request(1, 2, 3)));
  }
}
