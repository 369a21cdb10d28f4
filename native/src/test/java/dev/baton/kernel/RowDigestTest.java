package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RowDigestTest {
  private static final int ROW = 24;

  // The expected values come from a second implementation, written from the README in Python.
  @ParameterizedTest
  @CsvSource({
    "0, 0x658fb9763c512307",
    "1, 0x229945b782c49f6d",
    "8, 0x0ee95af08a9dce0d",
    "24, 0x2d93afe4fd36e223",
    "204, 0x3ab950647c1a631f",
    "2048, 0x41a9d0e254a74464",
    "8192, 0xf1ad9c7d153907ef",
    "8200, 0xe561fb56210a8e27",
    "16389, 0xcf3506ef4af95926"
  })
  void shouldEqualTheKnownDigestsOfKnownRows(int rowBytes, String expected) {
    MemorySegment row = MemorySegment.ofArray(pattern(rowBytes));
    assertEquals(
        Long.parseUnsignedLong(expected.substring(2), 16),
        RowDigest.ofHidden(3, 5, 1, rowBytes, row, 0));
  }

  @Test
  void shouldEqualTheKnownDigestOfAKnownSlice() {
    MemorySegment slice = MemorySegment.ofArray(pattern(4 * ROW));
    assertEquals(0xc54a69d7865bce8bL, RowDigest.ofSlice(3, 5, 2, ROW, slice, 0));
  }

  private static byte[] pattern(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (i * i * 7 + i * 13 + 5);
    }
    return bytes;
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
    byte[] swapped = keys.clone();
    System.arraycopy(keys, 0, swapped, ROW, ROW);
    System.arraycopy(keys, ROW, swapped, 0, ROW);
    assertNotEquals(right, digest(3, 5, swapped, values, 0, 4));
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 8192})
  void shouldNoticeWordsThatChangedPlacesInARow(int distance) {
    byte[] row = bytes(3, 3 * 8192);
    long right = RowDigest.ofHidden(1, 2, 1, row.length, MemorySegment.ofArray(row), 0);
    for (int at = 0; at + distance < row.length; at += 1016) {
      byte[] swapped = row.clone();
      System.arraycopy(row, at, swapped, at + distance, 8);
      System.arraycopy(row, at + distance, swapped, at, 8);
      assertNotEquals(
          right, RowDigest.ofHidden(1, 2, 1, row.length, MemorySegment.ofArray(swapped), 0));
    }
  }

  @Test
  void shouldTellZerosByTheirNumber() {
    MemorySegment zeros = MemorySegment.ofArray(new byte[16]);
    assertNotEquals(
        RowDigest.ofHidden(1, 2, 1, 15, zeros, 0), RowDigest.ofHidden(1, 2, 1, 16, zeros, 0));
  }

  private static long digest(
      int layer, int firstToken, byte[] keys, byte[] values, int from, int tokens) {
    byte[] wire = new byte[2 * tokens * ROW];
    System.arraycopy(keys, from * ROW, wire, 0, tokens * ROW);
    System.arraycopy(values, from * ROW, wire, tokens * ROW, tokens * ROW);
    return RowDigest.ofSlice(layer, firstToken + from, tokens, ROW, MemorySegment.ofArray(wire), 0);
  }

  private static byte[] bytes(long seed, int length) {
    byte[] bytes = new byte[length];
    new SplittableRandom(seed).nextBytes(bytes);
    return bytes;
  }
}
