package dev.baton.kvstream.session;

import dev.baton.arch.LayerState;
import dev.baton.arch.StateTable;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.RowDigest;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.PrefillOrder;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A store of states in the wire's own order, filled with numbers that tell seed, layer, state and
 * place; source and sink. A fixed state's numbers tell its position as well.
 */
public final class PatternKv implements KvSource, KvSink {
  private static final long SPREAD = 0x9E3779B97F4A7C15L;

  private final StateTable table;
  private final int tokens;
  private final long seed;
  private final MemorySegment[][] stores;
  public final int[][] positions;

  private PatternKv(StateTable table, int tokens, long seed) {
    this.table = table;
    this.tokens = tokens;
    this.seed = seed;
    this.stores = new MemorySegment[table.layerCount()][];
    this.positions = new int[table.layerCount()][];
    for (int layer = 0; layer < stores.length; layer++) {
      int states = table.layers().get(layer).size();
      stores[layer] = new MemorySegment[states];
      positions[layer] = new int[states];
      for (int i = 0; i < states; i++) {
        stores[layer][i] = MemorySegment.ofArray(new byte[Math.toIntExact(bytes(layer, i))]);
      }
    }
  }

  /** An empty store. */
  public PatternKv(StateTable table, int tokens) {
    this(table, tokens, 0);
  }

  /** An empty store. */
  public PatternKv(KvGeometry geometry, int tokens) {
    this(geometry.states(1), tokens);
  }

  public static PatternKv filled(KvGeometry geometry, int tokens, long seed) {
    return filled(geometry.states(1), tokens, seed);
  }

  public static PatternKv filled(StateTable table, int tokens, long seed) {
    PatternKv kv = new PatternKv(table, tokens, seed);
    for (int layer = 0; layer < kv.stores.length; layer++) {
      for (int i = 0; i < kv.stores[layer].length; i++) {
        MemorySegment store = kv.stores[layer][i];
        for (long at = 0; at < store.byteSize(); at++) {
          store.set(ValueLayout.JAVA_BYTE, at, kv.number(layer, i, 0, at));
        }
      }
    }
    return kv;
  }

  private byte number(int layer, int state, int position, long at) {
    long place = ((layer * 31L + state) * 1_000_003L + position) * 1_000_003L + at;
    return (byte) (((place + seed) * SPREAD) >>> 40);
  }

  private long bytes(int layer, int state) {
    return switch (table.layers().get(layer).get(state)) {
      case LayerState.Compressed compressed ->
          (long) (tokens / compressed.ratio()) * unitBytes(compressed);
      case LayerState.OfRows rows -> (long) tokens * unitBytes(rows);
      case LayerState.Fixed(int bytes) -> bytes;
      case LayerState.SharedWith _ -> 1;
    };
  }

  private static int unitBytes(LayerState.OfRows rows) {
    return rows.parts().stream().mapToInt(LayerState.Part::bytes).sum();
  }

  private LayerState.OfRows rows(int layer, int state) {
    return (LayerState.OfRows) table.layers().get(layer).get(state);
  }

  // Per (layer, state, unit): the first part and then the second.
  @Override
  public long exportSlice(
      int layer, int state, int first, int count, MemorySegment dst, long dstOffset) {
    LayerState.OfRows rows = rows(layer, state);
    int unit = unitBytes(rows);
    int part = rows.parts().getFirst().bytes();
    long seconds = dstOffset + (long) count * part;
    for (int i = 0; i < count; i++) {
      long from = (long) (first + i) * unit;
      MemorySegment.copy(stores[layer][state], from, dst, dstOffset + (long) i * part, part);
      MemorySegment.copy(
          stores[layer][state], from + part, dst, seconds + (long) i * (unit - part), unit - part);
    }
    return digest(layer, state, first, count, dst, dstOffset);
  }

  private long digest(int layer, int state, int first, int count, MemorySegment src, long offset) {
    LayerState.OfRows rows = rows(layer, state);
    int part = rows.parts().getFirst().bytes();
    return RowDigest.ofParts(
        StateSlots.code(layer, state), first, count, part, unitBytes(rows) - part, src, offset);
  }

  @Override
  public boolean importSlice(
      int layer, int state, int first, int count, MemorySegment src, long srcOffset, long digest) {
    if (digest(layer, state, first, count, src, srcOffset) != digest) {
      return false;
    }
    LayerState.OfRows rows = rows(layer, state);
    int unit = unitBytes(rows);
    int part = rows.parts().getFirst().bytes();
    long seconds = srcOffset + (long) count * part;
    for (int i = 0; i < count; i++) {
      long to = (long) (first + i) * unit;
      MemorySegment.copy(src, srcOffset + (long) i * part, stores[layer][state], to, part);
      MemorySegment.copy(
          src, seconds + (long) i * (unit - part), stores[layer][state], to + part, unit - part);
    }
    return true;
  }

  @Override
  public boolean exportFixed(
      int layer, int state, int position, int from, int bytes, MemorySegment dst, long dstOffset) {
    for (int i = 0; i < bytes; i++) {
      dst.set(ValueLayout.JAVA_BYTE, dstOffset + i, number(layer, state, position, from + i));
    }
    return true;
  }

  @Override
  public void importFixed(
      int layer, int state, int position, int from, int bytes, MemorySegment src, long srcOffset) {
    MemorySegment.copy(src, srcOffset, stores[layer][state], from, bytes);
    positions[layer][state] = position;
  }

  /** True when both hold the same in layers [0, layers) of tokens [firstToken, end). */
  public boolean equals(PatternKv other, int layers, int firstToken, int end) {
    for (int layer = 0; layer < layers; layer++) {
      int unit = unitBytes(rows(layer, 0));
      long from = (long) firstToken * unit;
      long to = (long) end * unit;
      if (MemorySegment.mismatch(stores[layer][0], from, to, other.stores[layer][0], from, to)
          >= 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Null where this has all of an order that {@code sent} filled, and nothing else; or what not.
   */
  public @Nullable String mismatch(PatternKv sent, PrefillOrder order) {
    StateSlots slots = new StateSlots(order, table);
    for (int layer = 0; layer < stores.length; layer++) {
      for (int i = 0; i < stores[layer].length; i++) {
        int index = slots.find(layer, i);
        StateSlots.Slot slot = index < 0 ? null : slots.get(index);
        boolean right =
            slot == null
                ? isZero(layer, i, 0, stores[layer][i].byteSize())
                : slot.isFixed() ? isFixedRight(sent, slot) : isRight(sent, slot);
        if (!right) {
          return "layer " + layer + ", state " + i + " is not what was sent";
        }
      }
    }
    return null;
  }

  private boolean isRight(PatternKv sent, StateSlots.Slot slot) {
    int unit = slot.unitBytes();
    long from = (long) slot.first() * unit;
    long to = (long) slot.end() * unit;
    MemorySegment mine = stores[slot.layer()][slot.state()];
    MemorySegment theirs = sent.stores[slot.layer()][slot.state()];
    return MemorySegment.mismatch(mine, from, to, theirs, from, to) < 0
        && isZero(slot.layer(), slot.state(), 0, from);
  }

  private boolean isFixedRight(PatternKv sent, StateSlots.Slot slot) {
    MemorySegment mine = stores[slot.layer()][slot.state()];
    for (long at = 0; at < slot.fixedBytes(); at++) {
      if (mine.get(ValueLayout.JAVA_BYTE, at)
          != sent.number(slot.layer(), slot.state(), tokens, at)) {
        return false;
      }
    }
    return positions[slot.layer()][slot.state()] == tokens;
  }

  private boolean isZero(int layer, int state, long from, long to) {
    for (long at = from; at < to; at++) {
      if (stores[layer][state].get(ValueLayout.JAVA_BYTE, at) != 0) {
        return false;
      }
    }
    return true;
  }

  /** True when nothing was written in these rows. */
  public boolean isEmpty(int layer, int firstToken, int end) {
    int unit = unitBytes(rows(layer, 0));
    return isZero(layer, 0, (long) firstToken * unit, (long) end * unit);
  }

  /** Whether fixed states travel of an order. */
  public static boolean hasFixed(PrefillOrder order, StateTable table) {
    StateSlots slots = new StateSlots(order, table);
    return IntStream.range(0, slots.count()).anyMatch(i -> slots.get(i).isFixed());
  }
}
