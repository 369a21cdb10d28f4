package dev.baton.kvstream.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KvPublicationTest {
  private static final int HEAD_BYTES = 56;
  private static final int LIMIT_BYTES = 64 << 10;

  @ParameterizedTest
  @CsvSource({
    "65472, 4096, 15", // one frame, 94% full
    "1376, 64, 20", // one frame, 97% full
    "65472, 40000, 1", // two would be longer than the limit
    "1376, 60000, 1", // so is one, which has to travel all the same
  })
  void shouldFillFramesWithoutCopyingWhereOneIsFull(int frameBytes, int rowBytes, int rows) {
    assertEquals(rows, KvPublication.rowsPerMessage(HEAD_BYTES, rowBytes, frameBytes, LIMIT_BYTES));
  }

  @Test
  void shouldWasteLittleOfSmallFramesWithWideRows() {
    for (int rowBytes = 512; rowBytes <= 8192; rowBytes += 512) {
      for (int frameBytes : new int[] {1376, 8160}) {
        int rows = KvPublication.rowsPerMessage(HEAD_BYTES, rowBytes, frameBytes, LIMIT_BYTES);
        assertTrue(HEAD_BYTES + rows * rowBytes <= LIMIT_BYTES);
        assertTrue(fill(rows, rowBytes, frameBytes) > 0.85, rows + " of " + rowBytes);
      }
    }
  }

  private static double fill(int rows, int rowBytes, int frameBytes) {
    int bytes = HEAD_BYTES + rows * rowBytes;
    return (double) bytes / (Math.ceilDiv(bytes, frameBytes) * frameBytes);
  }
}
