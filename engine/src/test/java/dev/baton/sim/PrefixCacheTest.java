package dev.baton.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

final class PrefixCacheTest {
  private static TraceRequest request(Integer... blocks) {
    return new TraceRequest(0, blocks.length * Trace.BLOCK_TOKENS, 1, List.of(blocks));
  }

  @Test
  void shouldCountOnlyBlocksWhosePrefixIsThere() {
    PrefixCache cache = new PrefixCache(10);
    cache.keep(request(1, 2, 3));
    assertEquals(1024, cache.cachedTokens(request(1, 2, 9)));
    assertEquals(0, cache.cachedTokens(request(9, 2, 3)));
    assertEquals(3 * 512 - 1, cache.cachedTokens(request(1, 2, 3)));
  }

  @Test
  void shouldForgetWhatWasUsedLongestAgoAndAPromptFromItsEnd() {
    PrefixCache cache = new PrefixCache(4);
    cache.keep(request(1, 2, 3));
    cache.keep(request(7, 8));
    assertEquals(4, cache.size());
    assertEquals(1024, cache.cachedTokens(request(1, 2, 3)));
    cache.keep(request(1, 2));
    cache.keep(request(5, 6));
    assertEquals(0, cache.cachedTokens(request(7, 8)));
    assertEquals(1024, cache.cachedTokens(request(1, 2, 3)));
  }
}
