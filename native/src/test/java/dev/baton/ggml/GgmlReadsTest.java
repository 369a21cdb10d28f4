package dev.baton.ggml;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.ggml.GgmlReads.Piece;
import dev.baton.ggml.GgmlReads.Stretch;
import dev.baton.kernel.KvGeometry;
import dev.baton.kv.DeviceBlocks;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** What attention is given to read, for blocks wherever they are. */
class GgmlReadsTest {
  private static final int BLOCKS = 24;
  private static final DeviceBlocks NO_MEMORY =
      new DeviceBlocks() {
        @Override
        public void copy(int from, int to) {}

        @Override
        public void renew(int block) {}
      };

  private final KvPool pool = KvPool.onDevice(new KvGeometry(1, 1, 2), BLOCKS, NO_MEMORY);

  /** Of so many blocks, by chance, some of them in a row. */
  private KvSequence scattered(SplittableRandom random, int blocks) {
    List<KvSequence> others = new ArrayList<>();
    for (int i = 0; i < BLOCKS; i++) {
      others.add(Objects.requireNonNull(pool.reserve(64)));
    }
    KvSequence sequence = pool.open(64 * blocks);
    int next = random.nextInt(others.size());
    for (int i = 1; i <= blocks; i++) {
      next = random.nextInt(3) == 0 || next >= others.size() ? random.nextInt(others.size()) : next;
      others.remove(next).close();
      assertTrue(sequence.grow(64 * i));
    }
    others.forEach(KvSequence::close);
    return sequence;
  }

  @Test
  void shouldShowEachTokenOnceAndNothingOfOthers() {
    int inPlace = 0;
    int joined = 0;
    for (int seed = 0; seed < 3000; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      int tokens = 1 + random.nextInt(64 * 12);
      int rows = random.nextInt(3) == 0 ? 1 + random.nextInt(Math.min(tokens, 70)) : 1;
      BitSet spoiled = new BitSet();
      for (int i = random.nextInt(4); i > 0; i--) {
        spoiled.set(random.nextInt(BLOCKS));
      }
      try (KvSequence sequence = scattered(random, KvPool.blocksFor(tokens))) {
        GgmlReads reads = GgmlReads.of(sequence, tokens, rows, spoiled::get);
        check(sequence, tokens, reads, spoiled, "seed " + seed + ": " + reads);
        int keys = reads.stretches().stream().mapToInt(Stretch::keys).sum();
        int own = KvPool.blocksFor(tokens);
        assertTrue(keys / 64 < own + own / rows + 4, "seed " + seed + ": " + reads);
        inPlace += reads.pieces().size() == 1 ? 1 : 0;
        joined += reads.pieces().size() == 1 ? 0 : 1;
      }
    }
    assertTrue(inPlace > 300 && joined > 300, inPlace + " and " + joined);
    assertEquals(BLOCKS, pool.freeBlocks());
  }

  private static void check(
      KvSequence sequence, int tokens, GgmlReads reads, BitSet spoiled, String what) {
    List<Integer> read = new ArrayList<>();
    for (Piece piece : reads.pieces()) {
      assertTrue(piece.firstSlot() % 64 == 0 && piece.slots() % 64 == 0, what);
      for (int slot = 0; slot < piece.slots(); slot += 64) {
        read.add((piece.firstSlot() + slot) / 64);
      }
    }
    assertEquals(0, read.size() % 4, what);
    int own = KvPool.blocksFor(tokens);
    BitSet shown = new BitSet();
    int at = 0;
    for (Stretch stretch : reads.stretches()) {
      for (int key = 0; key < stretch.keys(); key += 64) {
        int token = stretch.firstToken() == Stretch.HIDDEN ? tokens : stretch.firstToken() + key;
        int block = read.get(at++);
        assertTrue(block < BLOCKS + 3, what);
        if (token < tokens) {
          assertEquals(sequence.slot(token) / 64, block, what);
          assertTrue(!shown.get(token / 64), what);
          shown.set(token / 64);
        }
      }
    }
    assertEquals(read.size(), at, what);
    assertEquals(own, shown.cardinality(), what);
    for (int token = 0; token < tokens; token += 64) {
      spoiled.clear(sequence.slot(token) / 64);
    }
    read.forEach(block -> assertTrue(!spoiled.get(block), what));
  }

  @Test
  void shouldReadFollowingBlocksAsTheyAre() {
    try (KvSequence first = Objects.requireNonNull(pool.reserve(64));
        KvSequence sequence = Objects.requireNonNull(pool.reserve(300))) {
      GgmlReads reads = GgmlReads.of(sequence, 300, 64, _ -> false);
      assertEquals(64, sequence.slot(0));
      assertEquals(List.of(new Piece(64, 512)), reads.pieces());
      assertEquals(List.of(new Stretch(512, 0)), reads.stretches());
      assertEquals(64, first.capacityTokens());
    }
  }
}
