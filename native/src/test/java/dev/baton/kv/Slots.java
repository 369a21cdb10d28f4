package dev.baton.kv;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.baton.kernel.KvGeometry;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What tests write into token slots: a number for each, all over its K and V. */
final class Slots {
  private static final int DIM = KvPoolTest.GEOMETRY.headDim();

  private Slots() {}

  /** Writes {@code value} for each of tokens [from, to), as a kernel would. */
  static void write(KvSequence sequence, int from, int to, int value) {
    MemorySegment memory = sequence.view().pool();
    for (int token = from; token < to; token++) {
      for (int d = 0; d < DIM; d++) {
        memory.setAtIndex(ValueLayout.JAVA_SHORT, key(sequence, token, d), (short) value);
        memory.setAtIndex(ValueLayout.JAVA_SHORT, value(sequence, token, d), (short) ~value);
      }
    }
  }

  /** Fails where one of tokens [from, to) does not hold {@code value}. */
  static void check(KvSequence sequence, int from, int to, int value) {
    MemorySegment memory = sequence.view().pool();
    for (int token = from; token < to; token++) {
      for (int d = 0; d < DIM; d++) {
        short key = memory.getAtIndex(ValueLayout.JAVA_SHORT, key(sequence, token, d));
        short found = memory.getAtIndex(ValueLayout.JAVA_SHORT, value(sequence, token, d));
        assertEquals((short) value, key, "K of token " + token);
        assertEquals((short) ~value, found, "V of token " + token);
      }
    }
  }

  private static long key(KvSequence sequence, int token, int d) {
    return block(sequence, token) + (long) d * KvGeometry.BLOCK_TOKENS + token % 64;
  }

  private static long value(KvSequence sequence, int token, int d) {
    long plane = (long) DIM * KvGeometry.BLOCK_TOKENS;
    return block(sequence, token) + plane + (long) (token % 64) * DIM + d;
  }

  /** In halves. */
  private static long block(KvSequence sequence, int token) {
    return sequence.slot(token) / 64 * (KvPoolTest.GEOMETRY.blockBytes() / 2);
  }
}
