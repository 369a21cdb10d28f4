package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

/** What a batch of runs takes, what it refuses, and what C reads of it. */
class RowRunsTest {
  private final Arena arena = Arena.ofAuto();
  private final RandomTensors random = new RandomTensors(7, arena);
  private final KvGeometry geometry = new KvGeometry(1, 1, 8);

  @Test
  void shouldRefuseRunsThatAreNoBatch() {
    KvView[] kv = random.caches(geometry, 70, 70, 1, 1);
    KvView elsewhere = random.cache(geometry, 70);
    KvView other = new KvView(new KvGeometry(2, 1, 8), kv[1].pool(), kv[1].blockTable());
    RowRuns rows = new RowRuns(2, arena).add(kv[0], 3, 4, 60);
    assertThrows(IllegalArgumentException.class, () -> rows.add(kv[1], 8, 1, 0));
    assertThrows(IllegalArgumentException.class, () -> rows.add(kv[1], 6, 1, 0));
    assertThrows(IllegalArgumentException.class, () -> rows.add(elsewhere, 7, 1, 0));
    assertThrows(IllegalArgumentException.class, () -> rows.add(other, 7, 1, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> rows.add(kv[1], 7, -1, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> rows.add(kv[1], 7, 1, -1));
    assertThrows(IndexOutOfBoundsException.class, () -> rows.add(kv[1], 7, 2, Integer.MAX_VALUE));
    assertThrows(IndexOutOfBoundsException.class, () -> rows.add(kv[1], 7, 1, 128));
    kv[1].blockTable().setAtIndex(ValueLayout.JAVA_INT, 1, 100);
    assertThrows(IndexOutOfBoundsException.class, () -> rows.add(kv[1], 7, 1, 64));
    kv[1].blockTable().setAtIndex(ValueLayout.JAVA_INT, 1, -1);
    assertThrows(IndexOutOfBoundsException.class, () -> rows.add(kv[1], 7, 1, 64));
    assertEquals(1, rows.count());
    assertEquals(4, rows.rows());

    rows.add(kv[2], 7, 1, 0);
    assertThrows(IllegalArgumentException.class, () -> rows.add(kv[3], 8, 1, 0));
    assertEquals(5, rows.rows());
    assertEquals(64, rows.endPosition());
    assertEquals(0, rows.clear().rows());
    assertThrows(IllegalArgumentException.class, () -> new RowRuns(0, arena));
  }

  @Test
  void shouldShowCTheRunsAsTheyWereAdded() {
    int count = 9;
    int[] tokens = new int[count];
    for (int i = 0; i < count; i++) {
      tokens[i] = 1 + 150 * i;
    }
    KvView[] kv = random.caches(geometry, tokens);
    RowRuns rows = new RowRuns(count, arena);
    for (int round = 0; round < 2; round++) {
      rows.clear();
      for (int i = 0; i < count; i++) {
        rows.add(kv[i], rows.rows(), i % 3 + 1, Math.max(0, tokens[i] - 3));
      }
    }
    for (KvView view : kv) { // what kernels follow has been copied
      view.blockTable().asSlice(0, 4).fill((byte) 0x7f);
    }
    MemorySegment struct = rows.struct();
    IntFunction<MemorySegment> run = i -> struct.asSlice(24 + 32L * i, 32);
    assertEquals(count, struct.get(ValueLayout.JAVA_LONG, 0));
    assertEquals(18, struct.get(ValueLayout.JAVA_LONG, 8));
    long row = 0;
    int next = 2; // the first block in the table of the sequence: see RandomTensors.caches
    for (int i = 0; i < count; i++) {
      assertEquals(row, run.apply(i).get(ValueLayout.JAVA_LONG, 8));
      assertEquals(i % 3 + 1, run.apply(i).get(ValueLayout.JAVA_LONG, 16));
      assertEquals(Math.max(0, tokens[i] - 3), run.apply(i).get(ValueLayout.JAVA_LONG, 24));
      int blocks = Math.ceilDiv(tokens[i], KvGeometry.BLOCK_TOKENS);
      MemorySegment table =
          MemorySegment.ofAddress(run.apply(i).get(ValueLayout.JAVA_LONG, 0))
              .reinterpret(blocks * 4L);
      for (int b = 0; b < blocks; b++) {
        assertEquals(next + blocks - 1 - b, table.getAtIndex(ValueLayout.JAVA_INT, b));
      }
      next += blocks;
      row += i % 3 + 1;
    }
  }

  @Test
  void shouldRefuseAttentionThatNoCacheHasTheStateFor() {
    assertThrows(IllegalArgumentException.class, () -> new AttentionShape(3, 2, 8, 8, 1f));
    assertThrows(IllegalArgumentException.class, () -> new AttentionShape(0, 1, 8, 8, 1f));
    String message =
        assertThrows(IllegalArgumentException.class, () -> new AttentionShape(2, 2, 8, 16, 1f))
            .getMessage();
    assertEquals(
        "attention with heads of 8 for keys and 16 for values; so far both have one width",
        message);
    AttentionShape shape = new AttentionShape(2, 1, 8, 8, 1f);
    assertThrows(
        IndexOutOfBoundsException.class, () -> new AttentionLayer(shape, geometry, 1, arena));
    assertThrows(
        IllegalArgumentException.class,
        () -> new AttentionLayer(shape, new KvGeometry(1, 2, 8), 0, arena));
    assertThrows(
        IllegalArgumentException.class,
        () -> new AttentionLayer(shape, new KvGeometry(1, 1, 16), 0, arena));
  }
}
