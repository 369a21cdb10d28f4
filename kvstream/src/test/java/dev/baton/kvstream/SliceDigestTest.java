package dev.baton.kvstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SliceDigestTest {
  private static final int ROW = 24;

  // The expected values are the reference library's, libxxhash 0.8.1.
  @Test
  void shouldEqualTheKnownXxh64OfKnownTexts() {
    assertEquals(0xEF46DB3751D8E999L, xxh64("", 0));
    assertEquals(0xD24EC4F1A98C6E5BL, xxh64("a", 0));
    assertEquals(0x44BC2CF5AD770999L, xxh64("abc", 0));
    assertEquals(0x1FC03EF74CEBAA7DL, xxh64("abc", 0x0123456789ABCDEFL));
    assertEquals(0x642A94958E71E6C5L, xxh64("0123456789abcdef0123456789abcdef", 0));
    String longer = "The K rows of a token and then its V rows, 32 bytes at a time, and a tail.";
    assertEquals(0x16258378A1C054C1L, xxh64(longer, 0));
    assertEquals(0x43B708641C539919L, xxh64(longer, 0x300000007L));
  }

  private static long xxh64(String text, long seed) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    return SliceDigest.xxh64(MemorySegment.ofArray(bytes), 0, bytes.length, seed);
  }

  @Test
  void shouldBeTheSumOfItsPartsHoweverASliceIsCut() {
    byte[] keys = bytes(1, 10 * ROW);
    byte[] values = bytes(2, 10 * ROW);
    long whole = digest(3, 5, keys, values, 0, 10);
    for (int cut = 1; cut < 10; cut++) {
      assertEquals(
          whole, digest(3, 5, keys, values, 0, cut) + digest(3, 5, keys, values, cut, 10 - cut));
    }
  }

  @Test
  void shouldNoticeEachChangedBitAndEachRowOutOfItsPlace() {
    byte[] keys = bytes(1, 4 * ROW);
    byte[] values = bytes(2, 4 * ROW);
    long right = digest(3, 5, keys, values, 0, 4);
    for (int bit = 0; bit < keys.length * 8; bit++) {
      keys[bit / 8] ^= (byte) (1 << (bit % 8));
      assertNotEquals(right, digest(3, 5, keys, values, 0, 4));
      keys[bit / 8] ^= (byte) (1 << (bit % 8));
    }
    assertNotEquals(right, digest(3, 5, values, keys, 0, 4));
    assertNotEquals(right, digest(4, 5, keys, values, 0, 4));
    assertNotEquals(right, digest(3, 6, keys, values, 0, 4));
  }

  private static long digest(
      int layer, int firstToken, byte[] keys, byte[] values, int from, int tokens) {
    byte[] wire = new byte[2 * tokens * ROW];
    System.arraycopy(keys, from * ROW, wire, 0, tokens * ROW);
    System.arraycopy(values, from * ROW, wire, tokens * ROW, tokens * ROW);
    return SliceDigest.ofSlice(
        layer, firstToken + from, tokens, ROW, MemorySegment.ofArray(wire), 0);
  }

  private static byte[] bytes(long seed, int length) {
    byte[] bytes = new byte[length];
    new SplittableRandom(seed).nextBytes(bytes);
    return bytes;
  }
}
