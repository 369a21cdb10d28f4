package dev.baton.kv;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Blocks in the order in which they were last let go, the longest ago first. A block is in one
 * queue at most; its links stand in itself.
 */
final class BlockQueue {
  private @Nullable KvBlock first;
  private @Nullable KvBlock last;

  /** The one to go next; null for none. */
  @Nullable KvBlock first() {
    return first;
  }

  void addLast(KvBlock block) {
    KvBlock before = last;
    block.before = before;
    block.after = null;
    if (before == null) {
      first = block;
    } else {
      before.after = block;
    }
    last = block;
  }

  void remove(KvBlock block) {
    KvBlock before = block.before;
    KvBlock after = block.after;
    if (before == null) {
      first = after;
    } else {
      before.after = after;
    }
    if (after == null) {
      last = before;
    } else {
      after.before = before;
    }
    block.before = null;
    block.after = null;
  }

  /** Takes the first out. */
  KvBlock removeFirst() {
    KvBlock block = Objects.requireNonNull(first);
    remove(block);
    return block;
  }
}
