package dev.baton.sim;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which prompts' blocks have their KV at one node: those used last, as many as fit. One thread.
 *
 * <p>An id stands for a block and everything before it ({@link TraceRequest#blocks}), so a block
 * counts only where those before it are there too.
 */
final class SimulatedPrefixIndex {
  private final long mostBlocks;
  private final Map<Integer, Boolean> blocks = new LinkedHashMap<>(16, 0.75f, true);

  SimulatedPrefixIndex(long mostBlocks) {
    this.mostBlocks = mostBlocks;
  }

  /** Tokens at the prompt's start whose KV is here; the last token is always computed. */
  int cachedTokens(TraceRequest request) {
    int count = 0;
    for (Integer block : request.blocks()) {
      if (!blocks.containsKey(block)) {
        break;
      }
      count++;
    }
    return Math.min(count * Trace.BLOCK_TOKENS, request.promptTokens() - 1);
  }

  /**
   * Keeps a prompt's blocks; its first are forgotten last, for without them the rest is useless.
   */
  void keep(TraceRequest request) {
    List<Integer> ids = request.blocks();
    for (Integer block : ids.reversed()) {
      // An access moves it to the end.
      blocks.put(block, Boolean.TRUE);
    }
    var oldest = blocks.keySet().iterator();
    for (long over = blocks.size() - mostBlocks; over > 0; over--) {
      oldest.next();
      oldest.remove();
    }
  }

  /** Blocks that are here. */
  int size() {
    return blocks.size();
  }
}
