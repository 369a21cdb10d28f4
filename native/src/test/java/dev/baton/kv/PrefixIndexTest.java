package dev.baton.kv;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.LayerRange;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Which blocks are found, which stay, and in what order they go. */
class PrefixIndexTest {
  private static final LayerRange ALL = LayerRange.all(4);
  private static final Need EXACT = new Need(true, ALL);
  private static final Need ANY = new Need(false, ALL);

  private final KvPool pool = new KvPool(KvPoolTest.GEOMETRY, 8);
  private final PrefixIndex index = pool.prefixes();

  @AfterEach
  void close() {
    pool.close();
  }

  /** So many blocks of tokens that begin with {@code first}. */
  private static byte[] chain(int blocks, int first) {
    int[] tokens = new int[blocks * 64];
    Arrays.fill(tokens, 1);
    tokens[0] = first;
    return Chains.of(0, tokens);
  }

  private KvSequence reserve(int blocks) {
    return Objects.requireNonNull(pool.reserve(64 * blocks));
  }

  /** Puts the chain's blocks in, written with {@code value}, and lets them go. */
  private void keep(byte[] chain, int value, Origin origin, LayerRange layers, Retention kept) {
    int blocks = chain.length / PrefixIndex.HASH_BYTES;
    try (KvSequence sequence = reserve(blocks)) {
      Slots.write(sequence, 0, 64 * blocks, value);
      sequence.mark(origin);
      index.publish(chain, sequence, blocks, layers, kept);
    }
  }

  private void keep(byte[] chain, int value) {
    keep(chain, value, Origin.EXACT, ALL, Retention.PASSING);
  }

  private int found(byte[] chain) {
    return index.hitTokens(chain, ANY) / 64;
  }

  @Test
  void shouldBeginASequenceWithTheBlocksThatAreThere() {
    byte[] three = chain(3, 7);
    keep(Arrays.copyOf(three, 32), 5);
    assertEquals(6, pool.totalBlocks() - index.counts().cachedBlocks());
    assertEquals(8, pool.freeBlocks());
    try (KvSequence sequence = index.hit(three, 300, EXACT)) {
      assertEquals(128, sequence.capacityTokens());
      assertEquals(320, sequence.maxTokens());
      Slots.check(sequence, 0, 128, 5);
      assertEquals(6, pool.freeBlocks());
      assertTrue(sequence.grow(192));
      try (KvSequence other = index.hit(three, 300, EXACT)) {
        assertEquals(sequence.slot(0), other.slot(0));
        assertEquals(5, pool.freeBlocks());
      }
      assertEquals(1, index.publish(three, sequence, 3, ALL, Retention.PASSING));
    }
    assertEquals(3, found(three));
    index.hit(chain(3, 8), 300, EXACT).close();
    index.hit(new byte[0], 300, EXACT).close();
    assertEquals(new PrefixIndex.Counts(2, 256, 1, 0, 3, 3, 0), index.counts());
    index.clear();
    assertEquals(0, found(three));
    assertEquals(8, pool.freeBlocks());
  }

  @Test
  void shouldTakeNoMoreBlocksThanTheSequenceMayHave() {
    byte[] three = chain(3, 7);
    keep(three, 5);
    try (KvSequence sequence = index.hit(three, 100, EXACT)) {
      assertEquals(128, sequence.capacityTokens());
    }
  }

  @Test
  void shouldNotFindWhatAnotherSaltHas() {
    int[] tokens = new int[64];
    keep(Chains.of(1, tokens), 5);
    assertEquals(1, found(Chains.of(1, tokens)));
    assertEquals(0, found(Chains.of(2, tokens)));
  }

  @Test
  void shouldCopyAPublishedBlockBeforeItIsWritten() {
    byte[] one = chain(1, 7);
    KvSequence sequence = reserve(1);
    Slots.write(sequence, 0, 64, 1);
    index.publish(one, sequence, 1, ALL, Retention.PASSING);
    sequence.truncate(40);
    assertTrue(sequence.writable(40, 41));
    Slots.write(sequence, 40, 41, 2);
    try (KvSequence hit = index.hit(one, 64, EXACT)) {
      Slots.check(hit, 0, 64, 1);
      assertTrue(hit.writable(63, 64), "the last token of a prompt that is found whole");
      Slots.write(hit, 63, 64, 3);
    }
    try (KvSequence hit = index.hit(one, 64, EXACT)) {
      Slots.check(hit, 0, 64, 1);
    }
    sequence.close();
    assertEquals(8, pool.freeBlocks());
  }

  @Test
  void shouldKeepTheFirstOfTwoOfTheSameTokens() {
    byte[] two = chain(2, 7);
    keep(two, 5);
    keep(two, 6);
    try (KvSequence hit = index.hit(two, 128, EXACT)) {
      Slots.check(hit, 0, 128, 5);
    }
    assertEquals(2, index.counts().cachedBlocks());
    assertEquals(8, pool.freeBlocks());
  }

  @Test
  void shouldServeExactRequestsWithExactBlocksAloneAndPreferThese() {
    byte[] two = chain(2, 7);
    for (Origin origin : new Origin[] {Origin.LOSSY_WIRE, Origin.TOLERANT}) {
      keep(two, 5, origin, ALL, Retention.PASSING);
      assertEquals(0, index.hitTokens(two, EXACT));
      assertEquals(128, index.hitTokens(two, ANY));
      try (KvSequence hit = index.hit(two, 192, ANY)) {
        assertEquals(origin, hit.origin());
        try (KvSequence fork = hit.fork()) {
          assertEquals(origin, fork.origin());
        }
        assertTrue(hit.grow(192));
        keep(two, 6);
        assertEquals(128, index.hitTokens(two, EXACT));
        Slots.check(hit, 0, 128, 5);
      }
      try (KvSequence hit = index.hit(two, 192, ANY)) {
        assertEquals(Origin.EXACT, hit.origin());
        Slots.check(hit, 0, 128, 6);
      }
      keep(two, 5, origin, ALL, Retention.PASSING);
      assertEquals(128, index.hitTokens(two, EXACT));
      index.clear();
    }
  }

  @Test
  void shouldPassOnWhereASequenceCameFrom() {
    byte[] three = chain(3, 7);
    keep(Arrays.copyOf(three, 16), 5, Origin.LOSSY_WIRE, ALL, Retention.PASSING);
    try (KvSequence hit = index.hit(three, 192, ANY)) {
      assertTrue(hit.grow(192));
      assertEquals(2, index.publish(three, hit, 3, ALL, Retention.PASSING));
    }
    assertEquals(3, found(three));
    assertEquals(0, index.hitTokens(three, EXACT));
  }

  @Test
  void shouldFindOnlyBlocksWithTheLayersThatAreNeeded() {
    byte[] two = chain(2, 7);
    LayerRange lower = LayerRange.all(2);
    keep(two, 5, Origin.EXACT, lower, Retention.PASSING);
    assertEquals(0, index.hitTokens(two, EXACT));
    assertEquals(128, index.hitTokens(two, new Need(true, lower)));
    assertEquals(128, index.hitTokens(two, new Need(true, LayerRange.all(1))));
    keep(Arrays.copyOf(two, 16), 6, Origin.EXACT, ALL, Retention.PASSING);
    assertEquals(64, index.hitTokens(two, EXACT));
    assertEquals(128, index.hitTokens(two, new Need(true, lower)));
    assertArrayEquals(new int[] {4, 2}, index.commonLayers(two, EXACT));
    assertArrayEquals(new int[] {2, 2}, index.commonLayers(two, new Need(true, lower)));
    assertArrayEquals(new int[] {4}, index.commonLayers(two, new Need(true, new LayerRange(2, 4))));
    assertArrayEquals(new int[0], index.commonLayers(chain(2, 8), EXACT));
    keep(two, 7, Origin.LOSSY_WIRE, ALL, Retention.PASSING);
    assertEquals(64, index.hitTokens(two, ANY), "worse where it came from, better in layers");
  }

  @Test
  void shouldGiveUpLeavesFirstAndTheLongestUnusedOfThem() {
    byte[] a = chain(3, 7);
    byte[] b = chain(3, 8);
    keep(a, 1);
    keep(b, 2);
    index.hit(a, 192, EXACT).close(); // b is the longer unused now
    try (KvSequence four = reserve(4)) {
      assertEquals(3, found(a));
      assertEquals(1, found(b));
      assertEquals(2, index.counts().evictions());
      try (KvSequence more = reserve(2)) {
        assertEquals(2, found(a));
        assertEquals(0, found(b));
        assertEquals(6, more.capacityTokens() / 64 + four.capacityTokens() / 64);
        assertEquals(2, pool.freeBlocks());
        assertNull(pool.reserve(129 + 64));
        assertEquals(2, found(a), "nothing is given up where it would not help");
      }
    }
  }

  @Test
  void shouldGiveUpPassingBlocksBeforeThoseOfConversationsAndNeverPinnedOnes() {
    byte[] pinned = chain(2, 7);
    byte[] conversation = chain(2, 8);
    byte[] passing = chain(2, 9);
    keep(pinned, 1);
    assertEquals(2, index.pin(pinned));
    assertEquals(2, index.pin(pinned));
    keep(conversation, 2, Origin.EXACT, ALL, Retention.CONVERSATION);
    keep(passing, 3);
    assertEquals(2, index.counts().pinnedBlocks());
    KvSequence four = reserve(4);
    assertEquals(0, found(passing));
    assertEquals(2, found(conversation));
    assertNull(pool.reserve(200));
    KvSequence two = reserve(2);
    assertEquals(0, found(conversation));
    assertEquals(2, found(pinned));
    assertEquals(0, pool.freeBlocks());
    index.unpin(pinned, 2);
    assertEquals(0, pool.freeBlocks());
    index.unpin(pinned, 2);
    index.unpin(pinned, 2);
    assertEquals(2, pool.freeBlocks());
    assertEquals(0, index.counts().pinnedBlocks());
    four.close();
    two.close();
  }

  @Test
  void shouldKeepWhatComesBeforeABlockAsLongAsTheBlock() {
    byte[] three = chain(3, 7);
    keep(Arrays.copyOf(three, 16), 1);
    try (KvSequence hit = index.hit(three, 192, EXACT)) {
      assertTrue(hit.grow(192));
      index.publish(three, hit, 3, ALL, Retention.CONVERSATION);
    }
    byte[] other = chain(2, 8);
    keep(other, 2);
    KvSequence five = reserve(5);
    assertEquals(3, found(three));
    assertEquals(0, found(other));
    five.close();
    // A copy of its own is no reason to give up the block before another's.
    try (KvSequence own = reserve(3)) {
      index.clear();
      index.publish(three, own, 3, ALL, Retention.PASSING);
      keep(Arrays.copyOf(three, 32), 3, Origin.EXACT, LayerRange.all(9), Retention.PASSING);
      assertEquals(5, index.counts().cachedBlocks() + 2, "the sequence has two of its own");
      assertEquals(3, pool.freeBlocks());
    }
  }

  @Test
  void shouldNeverGiveUpABlockThatASequenceHas() {
    byte[] two = chain(2, 7);
    keep(two, 4);
    try (KvSequence hit = index.hit(two, 128, EXACT)) {
      assertNull(pool.reserve(448));
      KvSequence rest = reserve(6);
      Slots.write(rest, 0, 384, 9);
      assertFalse(hit.writable(0, 1), "and none is left for a copy");
      Slots.check(hit, 0, 128, 4);
      rest.close();
    }
  }

  @Test
  void shouldLendABlockByItsHash() {
    byte[] two = chain(2, 7);
    keep(two, 4);
    byte[] second = Arrays.copyOfRange(two, 16, 32);
    try (KvSequence block = index.block(second, EXACT)) {
      assertEquals(64, Objects.requireNonNull(block).capacityTokens());
      Slots.check(block, 0, 64, 4);
      assertEquals(6, pool.freeBlocks(), "neither it nor the one before it can go");
    }
    assertNull(index.block(new byte[16], EXACT));
    assertNull(index.block(second, new Need(true, LayerRange.all(5))));
    assertEquals(8, pool.freeBlocks());
  }

  @Test
  void shouldRefuseToPublishWhatIsNotThere() {
    KvSequence one = reserve(1);
    assertThrows(
        IllegalArgumentException.class,
        () -> index.publish(chain(2, 7), one, 2, ALL, Retention.PASSING));
    assertThrows(
        IllegalArgumentException.class,
        () -> index.publish(new byte[0], one, 1, ALL, Retention.PASSING));
    one.close();
    assertThrows(
        IllegalStateException.class,
        () -> index.publish(chain(1, 7), one, 1, ALL, Retention.PASSING));
  }

  @Test
  void shouldNotHaveABlockUnderTwoHashes() {
    KvSequence two = reserve(2);
    assertEquals(1, index.publish(chain(2, 7), two, 1, ALL, Retention.PASSING));
    assertEquals(0, index.publish(chain(2, 8), two, 2, ALL, Retention.PASSING));
    assertEquals(0, found(chain(2, 8)));
    two.close();
  }

  @Test
  void shouldFindTheBlocksOfADeviceButNotForWhatIsToBeExact() {
    try (KvPool device = KvPool.onDevice(KvPoolTest.GEOMETRY, 4, new DeviceSlots(4));
        KvSequence sequence = Objects.requireNonNull(device.reserve(64))) {
      byte[] one = chain(1, 7);
      assertEquals(1, device.prefixes().publish(one, sequence, 1, ALL, Retention.PASSING));
      assertEquals(0, device.prefixes().hitTokens(one, new Need(true, ALL)));
      try (KvSequence hit = device.prefixes().hit(one, 64, new Need(false, ALL))) {
        assertEquals(64, hit.capacityTokens());
        assertEquals(sequence.slot(0), hit.slot(0));
        assertTrue(hit.writable(63, 64));
        assertNotEquals(sequence.slot(0), hit.slot(0));
      }
    }
  }
}
