package dev.baton.kv;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.LayerRange;
import dev.baton.kernel.KvGeometry;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Random mixes of all that sequences and the index do, on a small pool, against what plain arrays
 * say should stand in each slot: a number that follows from all tokens up to it, or another one
 * where it came in a lossy form.
 */
class KvMixTest {
  private static final int MIXES = 1500;
  private static final int OPERATIONS = 120;
  private static final int BLOCKS = 14;
  private static final int MOST_TOKENS = 330;
  private static final int LOST = 0x4000;
  private static final LayerRange[] LAYERS = {LayerRange.all(4), LayerRange.all(2)};

  private KvPool pool = new KvPool(KvPoolTest.GEOMETRY, BLOCKS);
  private PrefixIndex index = pool.prefixes();
  private @Nullable DeviceSlots device;
  private final List<Mirror> open = new ArrayList<>();
  private final List<Pin> pins = new ArrayList<>();
  private SplittableRandom random = new SplittableRandom(0);

  private record Pin(byte[] chain, int blocks) {}

  /** A sequence, its tokens, and what should stand in its slots. */
  private static final class Mirror {
    final KvSequence kv;
    final int salt;
    final LayerRange layers;
    int[] tokens;
    int[] values;

    Mirror(KvSequence kv, int salt, LayerRange layers, int[] tokens, int[] values) {
      this.kv = kv;
      this.salt = salt;
      this.layers = layers;
      this.tokens = tokens;
      this.values = values;
    }
  }

  @Test
  void shouldHoldTheSameInTheMemoryOfADevice() {
    pool.close();
    device = new DeviceSlots(BLOCKS);
    pool = KvPool.onDevice(KvPoolTest.GEOMETRY, BLOCKS, device);
    index = pool.prefixes();
    shouldHoldWhatWasWrittenThroughAnyMixAndLeaveNoBlock();
  }

  @Test
  void shouldHoldWhatWasWrittenThroughAnyMixAndLeaveNoBlock() {
    for (int mix = 0; mix < MIXES; mix++) {
      random = new SplittableRandom(mix);
      try {
        for (int i = 0; i < OPERATIONS; i++) {
          operate();
          checkBooks();
        }
        open.forEach(this::check);
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError("mix " + mix, e);
      }
      endMix();
    }
    PrefixIndex.Counts counts = index.counts();
    assertTrue(counts.hits() > 5L * MIXES && counts.misses() > MIXES, counts.toString());
    assertTrue(counts.evictions() > 5L * MIXES, counts.toString());
    pool.close();
  }

  private void check(Mirror mirror) {
    for (int i = 0; i < mirror.values.length; i++) {
      check(mirror.kv, i, mirror.values[i]);
    }
  }

  private void check(KvSequence kv, int token, int value) {
    if (device == null) {
      Slots.check(kv, token, token + 1, value);
    } else {
      assertEquals(value, device.read(kv, token), "token " + token);
    }
  }

  private void endMix() {
    open.forEach(mirror -> mirror.kv.close());
    open.clear();
    checkBooks();
    assertEquals(0, pool.openSequences());
    assertEquals(BLOCKS, pool.freeBlocks() + index.counts().pinnedBlocks());
    pins.forEach(pin -> index.unpin(pin.chain, pin.blocks));
    pins.clear();
    assertEquals(BLOCKS, pool.freeBlocks());
    index.clear();
    checkBooks();
    assertEquals(0, index.counts().cachedBlocks());
    assertEquals(BLOCKS, pool.freeBlocks());
  }

  private void operate() {
    int what = open.size() > 4 ? 12 : random.nextInt(13);
    if (what < 3 || open.isEmpty()) {
      start();
      return;
    }
    Mirror mirror = open.get(random.nextInt(open.size()));
    switch (what) {
      case 3, 4 -> extend(mirror, prompt(1 + random.nextInt(90)));
      case 5 -> fork(mirror);
      case 6 -> truncate(mirror);
      case 7 -> rewrite(mirror);
      case 8, 9, 10 -> publish(mirror);
      case 11 -> pinOrLend(mirror);
      default -> {
        check(mirror);
        mirror.kv.close();
        open.remove(mirror);
      }
    }
  }

  /** Tokens of few kinds, and runs of them alike, so that beginnings meet again. */
  private int[] prompt(int length) {
    int[] tokens = new int[length];
    for (int i = 0; i < length; i += 64) {
      Arrays.fill(tokens, i, Math.min(length, i + 64), random.nextInt(6) / 5);
    }
    return tokens;
  }

  private void start() {
    int salt = random.nextInt(2);
    int[] tokens = prompt(1 + random.nextInt(MOST_TOKENS));
    boolean exact = random.nextBoolean() && device == null;
    LayerRange layers = LAYERS[random.nextInt(2)];
    Need need = new Need(exact, layers);
    byte[] chain = Chains.of(salt, tokens);
    int promised = index.hitTokens(chain, need);
    KvSequence kv = index.hit(chain, MOST_TOKENS, need);
    int found = kv.capacityTokens();
    assertEquals(promised, found);
    assertTrue(!exact || kv.origin().isExact());
    int[] values = expected(salt, tokens, found);
    for (int i = 0; i < found; i++) {
      values[i] = exact ? values[i] : found(kv, i, values[i]);
    }
    Mirror mirror = new Mirror(kv, salt, layers, Arrays.copyOf(tokens, found), values);
    check(mirror);
    open.add(mirror);
    extend(mirror, Arrays.copyOfRange(tokens, found, tokens.length));
  }

  /** What stands there, where the right value is or what is left of it on the wire. */
  private int found(KvSequence kv, int token, int exact) {
    int bits = read(kv, token);
    assertTrue(bits == exact || bits == (exact ^ LOST), "token " + token);
    return bits;
  }

  private int read(KvSequence kv, int token) {
    if (device != null) {
      return device.read(kv, token);
    }
    long at = kv.slot(token) / 64 * (KvPoolTest.GEOMETRY.blockBytes() / 2) + token % 64;
    return kv.view().pool().getAtIndex(ValueLayout.JAVA_SHORT, at);
  }

  private static int[] expected(int salt, int[] tokens, int count) {
    int[] values = new int[count];
    long hash = salt;
    for (int i = 0; i < count; i++) {
      hash = Chains.mix(hash + tokens[i]);
      values[i] = (int) hash & 0x3fff;
    }
    return values;
  }

  private void extend(Mirror mirror, int[] more) {
    int from = mirror.tokens.length;
    int to = from + more.length;
    if (to > MOST_TOKENS) {
      return;
    }
    int missing = KvPool.blocksFor(to) - mirror.kv.capacityTokens() / 64;
    int free = pool.freeBlocks();
    boolean grown = mirror.kv.grow(to);
    assertEquals(missing <= free, grown);
    assertEquals(free - (grown ? Math.max(0, missing) : 0), pool.freeBlocks());
    if (!grown || !mirror.kv.writable(from, to)) {
      return;
    }
    int[] tokens = Arrays.copyOf(mirror.tokens, to);
    System.arraycopy(more, 0, tokens, from, more.length);
    int[] values = expected(mirror.salt, tokens, to);
    System.arraycopy(mirror.values, 0, values, 0, from);
    mirror.tokens = tokens;
    mirror.values = values;
    write(mirror, from, to);
  }

  private void write(Mirror mirror, int from, int to) {
    boolean lossy = random.nextInt(4) == 0;
    if (lossy) {
      mirror.kv.mark(Origin.LOSSY_WIRE);
    }
    for (int i = from; i < to; i++) {
      mirror.values[i] = (mirror.values[i] & ~LOST) | (lossy ? LOST : 0);
      if (device == null) {
        Slots.write(mirror.kv, i, i + 1, mirror.values[i]);
      } else {
        device.write(mirror.kv, i, mirror.values[i]);
      }
    }
  }

  private void fork(Mirror mirror) {
    KvSequence fork = mirror.kv.fork();
    assertEquals(mirror.kv.origin(), fork.origin());
    open.add(new Mirror(fork, mirror.salt, mirror.layers, mirror.tokens, mirror.values.clone()));
  }

  private void truncate(Mirror mirror) {
    int stay = random.nextInt(mirror.tokens.length + 1);
    mirror.kv.truncate(stay);
    assertEquals(KvPool.blocksFor(stay) * 64, mirror.kv.capacityTokens());
    mirror.tokens = Arrays.copyOf(mirror.tokens, stay);
    mirror.values = Arrays.copyOf(mirror.values, stay);
  }

  /** The same tokens once more, as a prompt's last one that was found. */
  private void rewrite(Mirror mirror) {
    int length = mirror.tokens.length;
    int from = length - Math.min(length, 1 + random.nextInt(70));
    if (from < length && mirror.kv.writable(from, length)) {
      write(mirror, from, length);
    }
  }

  private void publish(Mirror mirror) {
    Retention[] all = Retention.values();
    index.publish(
        Chains.of(mirror.salt, mirror.tokens),
        mirror.kv,
        mirror.tokens.length / 64,
        mirror.layers,
        all[random.nextInt(all.length)]);
  }

  private void pinOrLend(Mirror mirror) {
    byte[] chain = Chains.of(mirror.salt, mirror.tokens);
    if (pins.size() > 1) {
      Pin pin = pins.removeFirst();
      index.unpin(pin.chain, pin.blocks);
    } else if (random.nextInt(3) == 0) {
      pins.add(new Pin(chain, index.pin(chain)));
    } else if (chain.length > 0) {
      byte[] hash = Arrays.copyOfRange(chain, chain.length - 16, chain.length);
      try (KvSequence block = index.block(hash, new Need(true, mirror.layers))) {
        if (block != null) {
          int first = chain.length / 16 * 64 - 64;
          int[] values = expected(mirror.salt, mirror.tokens, first + 64);
          for (int i = 0; i < 64; i++) {
            check(block, i, values[first + i]);
          }
        }
      }
    }
  }

  /** The pool's and the index's numbers, against those counted anew. */
  private void checkBooks() {
    int[] references = new int[BLOCKS];
    for (Mirror mirror : open) {
      for (int i = 0; i < mirror.kv.capacityTokens(); i += KvGeometry.BLOCK_TOKENS) {
        references[mirror.kv.slot(i) / 64]++;
      }
    }
    Map<List<Long>, KvBlock> cached = new HashMap<>();
    for (int i = 0; i < BLOCKS; i++) {
      KvBlock block = pool.block(i);
      if (block.isCached) {
        references[i]++;
        KvBlock twice = cached.put(List.of(block.hashHigh, block.hashLow), block);
        assertEquals(null, twice);
      }
    }
    Set<KvBlock> held = new HashSet<>();
    int free = 0;
    for (int i = 0; i < BLOCKS; i++) {
      KvBlock block = pool.block(i);
      assertEquals(references[i], block.references, "references of block " + i);
      free += references[i] == 0 ? 1 : 0;
      if (block.isCached && (references[i] > 1 || block.pins > 0)) {
        for (KvBlock at = block; at != null && held.add(at); ) {
          at = parent(cached, at);
        }
      }
    }
    int idle = 0;
    for (KvBlock block : cached.values()) {
      assertEquals(!held.contains(block), block.isQueued);
      idle += block.isQueued ? 1 : 0;
      KvBlock parent = parent(cached, block);
      assertTrue(parent == null || parent.retention.compareTo(block.retention) >= 0);
    }
    PrefixIndex.Counts counts = index.counts();
    assertEquals(cached.size(), counts.cachedBlocks());
    assertEquals(idle, counts.idleBlocks());
    assertEquals(free + idle, pool.freeBlocks());
  }

  private static KvBlock parent(Map<List<Long>, KvBlock> cached, KvBlock block) {
    if (!block.hasParent) {
      return null;
    }
    KvBlock parent = cached.get(List.of(block.parentHigh, block.parentLow));
    assertNotNull(parent, "a block whose prefix is gone");
    return parent;
  }
}
