package dev.baton.kv;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.KvGeometry;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Who has which block: growing, sharing, copying, giving back. */
class KvPoolTest {
  static final KvGeometry GEOMETRY = new KvGeometry(1, 1, 2);

  private final KvPool pool = new KvPool(GEOMETRY, 8);

  @AfterEach
  void close() {
    pool.close();
  }

  private KvSequence reserve(int tokens) {
    return Objects.requireNonNull(pool.reserve(tokens));
  }

  @Test
  void shouldTakeBlocksAsTokensComeAllOrNone() {
    KvSequence first = pool.open(400);
    assertEquals(0, first.capacityTokens());
    assertEquals(448, first.maxTokens());
    assertEquals(8, pool.freeBlocks());
    assertTrue(first.grow(1));
    assertTrue(first.grow(64));
    assertEquals(7, pool.freeBlocks());
    assertTrue(first.grow(65));
    assertEquals(128, first.capacityTokens());
    KvSequence second = reserve(300);
    assertEquals(1, pool.freeBlocks());
    assertFalse(first.grow(257), "three more, of which one is there");
    assertEquals(1, pool.freeBlocks());
    assertEquals(128, first.capacityTokens());
    assertNull(pool.reserve(65));
    assertTrue(first.grow(192));
    assertThrows(IllegalArgumentException.class, () -> first.grow(449));
    first.close();
    second.close();
    assertEquals(8, pool.freeBlocks());
  }

  @Test
  void shouldGiveBackOnceAndRefuseWhatIsClosed() {
    KvSequence sequence = reserve(200);
    KvSequence other = reserve(64);
    sequence.close();
    sequence.close();
    assertEquals(7, pool.freeBlocks());
    assertThrows(IllegalStateException.class, () -> sequence.grow(1));
    assertThrows(IllegalStateException.class, sequence::fork);
    assertThrows(IllegalStateException.class, () -> sequence.writable(0, 1));
    assertThrows(IllegalStateException.class, () -> sequence.truncate(0));
    other.close();
    pool.close();
    pool.close();
    assertThrows(IllegalStateException.class, () -> pool.open(1));
  }

  @Test
  void shouldShareAllBlocksOfAForkAndCopyTheOneThatIsWritten() {
    KvSequence first = pool.open(256);
    assertTrue(first.grow(100));
    Slots.write(first, 0, 100, 1);
    try (KvSequence fork = first.fork()) {
      assertEquals(256, fork.maxTokens());
      assertEquals(6, pool.freeBlocks());
      assertTrue(fork.writable(100, 101));
      assertEquals(5, pool.freeBlocks());
      assertEquals(first.slot(63), fork.slot(63));
      assertEquals(64, Math.abs(first.slot(64) - fork.slot(64)));
      Slots.write(fork, 100, 101, 2);
      Slots.check(fork, 0, 100, 1);
      assertTrue(first.writable(100, 101), "it is alone in its last block now");
      assertEquals(5, pool.freeBlocks());
      Slots.write(first, 100, 101, 3);
      Slots.check(fork, 100, 101, 2);
      Slots.check(first, 100, 101, 3);
    }
    assertEquals(6, pool.freeBlocks());
    assertEquals(1, pool.references(first.slot(0) / 64));
    first.close();
  }

  @Test
  void shouldSayThatNoBlockIsFreeForACopy() {
    KvSequence first = reserve(512);
    Slots.write(first, 0, 512, 1);
    KvSequence fork = first.fork();
    assertFalse(fork.writable(511, 512));
    assertTrue(fork.writable(511, 511), "nothing is written");
    first.truncate(448);
    assertTrue(fork.writable(511, 512), "it is alone there");
    Slots.check(fork, 0, 512, 1);
    first.close();
    fork.close();
    assertEquals(8, pool.freeBlocks());
  }

  @Test
  void shouldGiveBackWhatIsBehindTheTokensThatStay() {
    KvSequence sequence = reserve(300);
    Slots.write(sequence, 0, 300, 1);
    sequence.truncate(300);
    assertEquals(3, pool.freeBlocks());
    sequence.truncate(129);
    assertEquals(5, pool.freeBlocks());
    assertEquals(192, sequence.capacityTokens());
    sequence.truncate(128);
    assertEquals(6, pool.freeBlocks());
    sequence.truncate(1000);
    assertEquals(128, sequence.capacityTokens());
    assertThrows(IndexOutOfBoundsException.class, () -> sequence.writable(128, 129));
    assertThrows(IndexOutOfBoundsException.class, () -> sequence.slot(128));
    assertTrue(sequence.grow(200));
    Slots.check(sequence, 0, 128, 1);
    sequence.truncate(0);
    assertEquals(8, pool.freeBlocks());
    sequence.close();
    assertEquals(8, pool.freeBlocks());
  }

  @Test
  void shouldNotWipeInHostMemory() {
    KvSequence before = reserve(64);
    Slots.write(before, 0, 64, 5);
    before.close();
    try (KvSequence after = reserve(64)) {
      Slots.check(after, 0, 64, 5);
    }
  }

  @Test
  void shouldCopyABlockOnceWhereSeveralThreadsWriteToIt() throws InterruptedException {
    for (int round = 0; round < 50; round++) {
      KvSequence first = reserve(64);
      Slots.write(first, 0, 10, 1);
      KvSequence fork = first.fork();
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        int at = 10 + i;
        threads.add(
            Thread.ofPlatform()
                .start(() -> {
                  assertTrue(fork.writable(at, at + 1));
                  Slots.write(fork, at, at + 1, 7);
                }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      Slots.check(fork, 0, 10, 1);
      Slots.check(fork, 10, 13, 7);
      assertEquals(6, pool.freeBlocks());
      first.close();
      fork.close();
    }
  }

  @Test
  void shouldTellADeviceOfEveryNewOwnerAndOfCopies() {
    List<String> told = new ArrayList<>();
    DeviceBlocks blocks =
        new DeviceBlocks() {
          @Override
          public void copy(int from, int to) {
            told.add(from + " to " + to);
          }

          @Override
          public void renew(int block) {
            told.add("new " + block);
          }
        };
    try (KvPool device = KvPool.onDevice(GEOMETRY, 7, blocks)) {
      assertEquals(7, device.totalBlocks());
      KvSequence first = device.open(200);
      assertThrows(IllegalStateException.class, first::view);
      assertEquals(Origin.TOLERANT, first.origin());
      assertTrue(first.grow(65));
      assertEquals(5, device.freeBlocks(), "as tokens come");
      try (KvSequence fork = first.fork()) {
        assertTrue(fork.writable(65, 66));
        assertEquals(List.of("new 0", "new 1", "1 to 4"), told, "the first one may want 2 and 3");
        assertEquals(4, device.freeBlocks());
      }
      first.truncate(1);
      assertEquals(6, device.freeBlocks());
      first.close();
      assertEquals(7, device.freeBlocks());
    }
  }
}
