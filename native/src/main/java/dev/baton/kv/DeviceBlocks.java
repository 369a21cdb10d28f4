package dev.baton.kv;

/** The blocks of a pool that lie in the memory of a device, which owns it. Any thread. */
public interface DeviceBlocks {
  /**
   * Gives a block that nobody reads yet what another one holds, in all layers, which nobody writes
   * meanwhile.
   */
  void copy(int from, int to);

  /** A block has a new owner, whom nothing may harm that its last one left in it. */
  void renew(int block);
}
