package dev.baton.kv;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.LayerRange;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** That the blocks of a device's sequences follow each other as far as there is room. */
class BlockPlacementTest {
  private static final LayerRange ALL = LayerRange.all(1);

  private static KvPool pool(int blocks) {
    return KvPool.onDevice(KvPoolTest.GEOMETRY, blocks, new DeviceSlots(blocks));
  }

  private static List<Integer> blocks(KvSequence sequence) {
    List<Integer> blocks = new ArrayList<>();
    for (int token = 0; token < sequence.capacityTokens(); token += 64) {
      blocks.add(sequence.slot(token) / 64);
    }
    return blocks;
  }

  private static void grow(KvSequence sequence, int blocks) {
    assertTrue(sequence.grow(64 * blocks));
  }

  /** Runs of following blocks. */
  private static int runs(KvSequence sequence) {
    List<Integer> blocks = blocks(sequence);
    int runs = blocks.isEmpty() ? 0 : 1;
    for (int i = 1; i < blocks.size(); i++) {
      runs += blocks.get(i) == blocks.get(i - 1) + 1 ? 0 : 1;
    }
    return runs;
  }

  @Test
  void shouldLeaveOthersTheRoomThatTheyMayWant() {
    try (KvPool pool = pool(12)) {
      KvSequence first = pool.open(64 * 4);
      KvSequence second = pool.open(64 * 4);
      KvSequence third = pool.open(64 * 4);
      for (int count = 1; count <= 4; count++) {
        grow(third, count);
        grow(first, count);
        grow(second, count);
      }
      assertEquals(List.of(0, 1, 2, 3), blocks(third));
      assertEquals(List.of(4, 5, 6, 7), blocks(first));
      assertEquals(List.of(8, 9, 10, 11), blocks(second));
    }
  }

  @Test
  void shouldTakeTheSmallestRoomThatIsLargeEnough() {
    try (KvPool pool = pool(16)) {
      List<KvSequence> all = new ArrayList<>();
      for (int blocks : new int[] {5, 1, 3, 1}) {
        all.add(Objects.requireNonNull(pool.reserve(64 * blocks)));
      }
      all.get(0).close();
      all.get(2).close();
      KvSequence fits = pool.open(64 * 3);
      grow(fits, 1);
      assertEquals(List.of(6), blocks(fits));
      KvSequence larger = pool.open(64 * 6);
      grow(larger, 1);
      assertEquals(List.of(10), blocks(larger));
    }
  }

  @Test
  void shouldShareTheRoomWhereTwoWantAllOfIt() {
    try (KvPool pool = pool(10)) {
      KvSequence first = pool.open(640);
      grow(first, 2);
      KvSequence second = pool.open(640);
      grow(second, 1);
      assertEquals(List.of(6), blocks(second));
      grow(first, 6);
      grow(second, 4);
      assertFalse(first.grow(64 * 7));
      second.truncate(64);
      grow(first, 9);
      assertEquals(List.of(0, 1, 2, 3, 4, 5, 8, 9, 7), blocks(first));
    }
  }

  @Test
  void shouldGoOnBehindABeginningThatWasFoundWhereNobodyIs() {
    try (KvPool pool = pool(16)) {
      byte[] chain = Chains.of(0, new int[64 * 3]);
      try (KvSequence before = Objects.requireNonNull(pool.reserve(64 * 4))) {
        pool.prefixes().publish(chain, before, 3, ALL, Retention.CONVERSATION);
      }
      Need any = new Need(false, ALL);
      try (KvSequence hit = pool.prefixes().hit(chain, 640, any);
          KvSequence other = pool.prefixes().hit(chain, 320, any)) {
        grow(hit, 4);
        grow(other, 4);
        grow(hit, 10);
        grow(other, 5);
        assertEquals(1, runs(hit));
        assertEquals(List.of(0, 1, 2, 10, 11), blocks(other));
      }
    }
  }

  @Test
  void shouldNotBeginARunForEachBlockWhereOthersHaveToGoForIt() {
    try (KvPool pool = pool(64)) {
      SplittableRandom random = new SplittableRandom(1);
      List<KvSequence> cached = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        cached.add(Objects.requireNonNull(pool.reserve(64 * 4)));
      }
      for (int i = 0; i < 16; i++) {
        KvSequence sequence = cached.remove(random.nextInt(cached.size()));
        byte[] chain = Chains.of(i, new int[64 * 4]);
        pool.prefixes().publish(chain, sequence, 4, ALL, Retention.PASSING);
        sequence.close();
      }
      KvSequence sequence = pool.open(64 * 40);
      for (int count = 1; count <= 40; count++) {
        grow(sequence, count);
      }
      assertTrue(runs(sequence) <= 10, blocks(sequence).toString());
      assertEquals(24, pool.freeBlocks());
      sequence.close();
      assertEquals(64, pool.freeBlocks());
    }
  }

  @Test
  void shouldKeepAllSequencesInOneRunEachWhereThereIsRoomForTheLongest() {
    for (int seed = 0; seed < 200; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      try (KvPool pool = pool(64)) {
        List<KvSequence> open = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
          int which = random.nextInt(4);
          if (which >= open.size()) {
            open.add(pool.open(64 * 16));
            continue;
          }
          KvSequence sequence = open.get(which);
          int held = sequence.capacityTokens() / 64;
          if (held == 16 || random.nextInt(12) == 0) {
            sequence.close();
            open.remove(sequence);
          } else {
            grow(sequence, held + 1);
          }
          for (KvSequence each : open) {
            assertTrue(runs(each) <= 1, "seed " + seed + ": " + blocks(each));
          }
        }
        open.forEach(KvSequence::close);
        assertEquals(64, pool.freeBlocks());
      }
    }
  }
}
