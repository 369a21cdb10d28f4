package dev.baton.kv;

import dev.baton.kernel.KvGeometry;
import java.util.Arrays;

/** The memory of no device: a number a token slot. What is in a block is gone with its owner. */
final class DeviceSlots implements DeviceBlocks {
  private final int[] slots;

  DeviceSlots(int blocks) {
    slots = new int[blocks * KvGeometry.BLOCK_TOKENS];
  }

  void write(KvSequence sequence, int token, int value) {
    slots[sequence.slot(token)] = value;
  }

  int read(KvSequence sequence, int token) {
    return slots[sequence.slot(token)];
  }

  @Override
  public void copy(int from, int to) {
    int size = KvGeometry.BLOCK_TOKENS;
    System.arraycopy(slots, from * size, slots, to * size, size);
  }

  @Override
  public void renew(int block) {
    int size = KvGeometry.BLOCK_TOKENS;
    Arrays.fill(slots, block * size, (block + 1) * size, -1);
  }
}
