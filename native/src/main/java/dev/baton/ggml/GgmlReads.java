package dev.baton.ggml;

import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvSequence;
import dev.baton.model.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * What attention reads for rows of one sequence: keys in the order in which it meets them. Keys
 * hold their positions, so that any order gives the same result but for rounding.
 *
 * <p>One piece of the cache is read in place: a sequence's blocks where they follow each other,
 * else all from the lowest to the highest where few of these are others' and the mask hides them.
 * Several pieces are first put together in the order of the tokens, which then gives the very bits
 * of blocks that follow each other.
 *
 * @param pieces of the cache; whole steps of {@link GgmlKv#STEP_SLOTS} in all
 * @param stretches of the same keys: whose they are
 */
record GgmlReads(List<Piece> pieces, List<Stretch> stretches) {
  private static final int BLOCK = KvGeometry.BLOCK_TOKENS;
  private static final int STEP_BLOCKS = GgmlKv.STEP_SLOTS / BLOCK;

  /** Slots of the cache that follow each other. */
  record Piece(int firstSlot, int slots) {}

  /** Keys of following tokens, or {@link #HIDDEN}. */
  record Stretch(int keys, int firstToken) {
    /** The first token of keys that belong to others or to nobody. */
    static final int HIDDEN = Integer.MAX_VALUE;
  }

  /** For each run of a batch. */
  static List<GgmlReads> of(TokenBatch batch, GgmlKv kv) {
    List<GgmlReads> reads = new ArrayList<>(batch.runs());
    for (int run = 0; run < batch.runs(); run++) {
      int rows = batch.runTokens(run);
      reads.add(of(batch.sequence(run), batch.firstPosition(run) + rows, rows, kv::isSpoiled));
    }
    return reads;
  }

  /**
   * @param tokens of the sequence
   * @param rows that read them
   * @param spoiled blocks that only who has them may read
   */
  static GgmlReads of(KvSequence sequence, int tokens, int rows, IntPredicate spoiled) {
    int[] blocks = new int[(tokens + BLOCK - 1) / BLOCK];
    int low = Integer.MAX_VALUE;
    int high = 0;
    boolean inOrder = true;
    for (int i = 0; i < blocks.length; i++) {
      blocks[i] = sequence.slot(i * BLOCK) / BLOCK;
      inOrder &= blocks[i] == blocks[0] + i;
      low = Math.min(low, blocks[i]);
      high = Math.max(high, blocks[i]);
    }
    // To look at a key that is hidden costs about what it costs to copy one that is not.
    long hidden = high - low + 1L - blocks.length;
    int[] owners = owners(blocks, low, stepped(high - low + 1));
    if (hidden * rows <= blocks.length && isHarmless(owners, low, spoiled)) {
      return new GgmlReads(
          List.of(new Piece(low * BLOCK, owners.length * BLOCK)),
          inOrder ? inOrder(owners.length) : stretches(owners));
    }
    return new GgmlReads(pieces(blocks, spoiled), inOrder(stepped(blocks.length)));
  }

  static GgmlReads first(int pieces) {
    int slots = GgmlKv.STEP_SLOTS / pieces;
    List<Piece> all = new ArrayList<>();
    for (int i = 0; i < pieces; i++) {
      all.add(new Piece(0, slots));
    }
    return new GgmlReads(all, inOrder(STEP_BLOCKS));
  }

  private static int stepped(int blocks) {
    return (blocks + STEP_BLOCKS - 1) / STEP_BLOCKS * STEP_BLOCKS;
  }

  /** Which of the sequence's blocks each of those from {@code low} on is; -1 for none. */
  private static int[] owners(int[] blocks, int low, int count) {
    int[] owners = new int[count];
    Arrays.fill(owners, -1);
    for (int i = 0; i < blocks.length; i++) {
      owners[blocks[i] - low] = i;
    }
    return owners;
  }

  private static boolean isHarmless(int[] owners, int low, IntPredicate spoiled) {
    for (int i = 0; i < owners.length; i++) {
      if (owners[i] < 0 && spoiled.test(low + i)) {
        return false;
      }
    }
    return true;
  }

  /** The first {@code blocks} blocks of the sequence, and what is behind its tokens. */
  private static List<Stretch> inOrder(int blocks) {
    return List.of(new Stretch(blocks * BLOCK, 0));
  }

  private static List<Stretch> stretches(int[] owners) {
    List<Stretch> stretches = new ArrayList<>();
    int end;
    for (int i = 0; i < owners.length; i = end) {
      end = i + 1;
      while (end < owners.length && owners[end] == (owners[i] < 0 ? -1 : owners[i] + end - i)) {
        end++;
      }
      stretches.add(
          new Stretch((end - i) * BLOCK, owners[i] < 0 ? Stretch.HIDDEN : owners[i] * BLOCK));
    }
    return stretches;
  }

  private static List<Piece> pieces(int[] blocks, IntPredicate spoiled) {
    List<Piece> pieces = new ArrayList<>();
    int end;
    for (int i = 0; i < blocks.length; i = end) {
      end = i + 1;
      while (end < blocks.length && blocks[end] == blocks[i] + end - i) {
        end++;
      }
      pieces.add(new Piece(blocks[i] * BLOCK, (end - i) * BLOCK));
    }
    int last = blocks[blocks.length - 1];
    for (int i = blocks.length; i < stepped(blocks.length); i++) {
      last++;
      if (spoiled.test(last)) {
        last = blocks[0]; // once more, out of sight
        pieces.add(new Piece(last * BLOCK, BLOCK));
      } else {
        Piece before = pieces.removeLast();
        pieces.add(new Piece(before.firstSlot(), before.slots() + BLOCK));
      }
    }
    return pieces;
  }
}
