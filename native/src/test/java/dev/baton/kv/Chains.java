package dev.baton.kv;

import java.nio.ByteBuffer;

/** Chains of hashes for tests: of tokens and a salt, each hash covering all before it. */
final class Chains {
  private Chains() {}

  /** The hashes of the whole blocks of {@code tokens}. */
  static byte[] of(int salt, int... tokens) {
    int blocks = tokens.length / 64;
    ByteBuffer chain = ByteBuffer.allocate(blocks * PrefixIndex.HASH_BYTES);
    long high = salt;
    long low = ~salt;
    for (int i = 0; i < blocks * 64; i++) {
      high = mix(high + tokens[i]);
      low = mix(low ^ tokens[i]);
      if (i % 64 == 63) {
        chain.putLong(high).putLong(low);
      }
    }
    return chain.array();
  }

  static long mix(long z) {
    long x = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L + 1;
    x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
    return x ^ (x >>> 31);
  }
}
