package dev.baton.kvstream.session;

import dev.baton.arch.LayerState;
import dev.baton.arch.StateTable;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.RowDigest;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.Stage;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What travels of the states of an order's layers: a slot for each state that a layer keeps itself,
 * layer by layer. Of a slot units [first, end) travel: rows, one for each token or each run of
 * tokens, or the pieces of a fixed state. Does not change.
 */
final class StateSlots {
  /** Bytes of a piece of a fixed state; the last one may have fewer. */
  static final int PIECE_BYTES = 1024;

  /** Stands for a state of boundary rows. */
  static final int ROWS = 0xFFFF;

  /**
   * One state of one layer.
   *
   * @param first the first unit that travels
   * @param end behind the last one
   * @param tokens of a row; 0 for a fixed state
   * @param bytes of a unit's first part, in the order's wire type
   * @param secondBytes of its second part, or 0
   * @param fixedBytes all bytes of a fixed state, else 0
   * @param cut whether rows that going on before the prompt's end needs do not travel
   */
  record Slot(
      int layer,
      int state,
      int first,
      int end,
      int tokens,
      int bytes,
      int secondBytes,
      int fixedBytes,
      boolean cut) {
    boolean isFixed() {
      return fixedBytes > 0;
    }

    int unitBytes() {
      return bytes + secondBytes;
    }

    int units() {
      return end - first;
    }

    /** Payload of units [from, from + count). */
    long payloadBytes(int from, int count) {
      long whole = (long) count * unitBytes();
      return isFixed() && from + count == end
          ? whole - ((long) end * PIECE_BYTES - fixedBytes)
          : whole;
    }

    /** All that travels of it. */
    long totalBytes() {
      return isFixed() ? fixedBytes : (long) units() * unitBytes();
    }

    /** Units that are complete once tokens [0, n) are computed. */
    int unitsAt(int n) {
      return Math.clamp(n / tokens, first, end);
    }

    /** The digest of units as they stand on the wire. */
    long digest(int position, int from, int count, MemorySegment src, long offset) {
      return isFixed()
          ? ofPieces(layer, state, position, from, count, fixedBytes, src, offset)
          : RowDigest.ofParts(code(layer, state), from, count, bytes, secondBytes, src, offset);
    }
  }

  private final List<Slot> slots;
  private final int fromLayer;
  private final int[] firstOfLayer;
  private final long totalBytes;
  private final int largestUnit;

  StateSlots(PrefillOrder order, StateTable table) {
    Stage stage = order.stage();
    List<Slot> all = new ArrayList<>();
    this.fromLayer = stage.fromLayer();
    this.firstOfLayer = new int[stage.layers() + 1];
    for (int layer = fromLayer; layer < stage.toLayer(); layer++) {
      List<LayerState> states = table.layers().get(layer);
      for (int i = 0; i < states.size() && stage.state(); i++) {
        Slot slot = slot(order, layer, i, states.get(i));
        if (slot != null) {
          all.add(slot);
        }
      }
      firstOfLayer[layer - fromLayer + 1] = all.size();
    }
    this.slots = List.copyOf(all);
    this.totalBytes = all.stream().mapToLong(Slot::totalBytes).sum();
    this.largestUnit = all.stream().mapToInt(Slot::unitBytes).max().orElse(1);
  }

  private static @Nullable Slot slot(PrefillOrder order, int layer, int index, LayerState state) {
    int first = order.firstToken();
    int end = order.tokens().length;
    KvWireType wire = order.wireType();
    return switch (state) {
      case LayerState.Rows(List<LayerState.Part> parts) ->
          rows(layer, index, first, end, 1, parts, wire, false);
      case LayerState.Latent latent ->
          rows(layer, index, first, end, 1, latent.parts(), wire, false);
      case LayerState.Window(int tokens, List<LayerState.Part> parts) -> {
        int from = Math.max(first, end - tokens);
        yield rows(layer, index, from, end, 1, parts, wire, from > first);
      }
      case LayerState.Compressed(int ratio, List<LayerState.Part> parts) ->
          rows(layer, index, first / ratio, end / ratio, ratio, parts, wire, true);
      case LayerState.Fixed(int bytes) -> {
        int pieces = Math.ceilDiv(bytes, PIECE_BYTES);
        yield new Slot(layer, index, 0, pieces, 0, PIECE_BYTES, 0, bytes, false);
      }
      case LayerState.SharedWith _ -> null;
    };
  }

  private static Slot rows(
      int layer,
      int index,
      int first,
      int end,
      int tokens,
      List<LayerState.Part> parts,
      KvWireType wire,
      boolean cut) {
    int bytes = bytes(parts.getFirst(), wire);
    int second = parts.size() > 1 ? bytes(parts.getLast(), wire) : 0;
    return new Slot(layer, index, first, end, tokens, bytes, second, 0, cut);
  }

  private static int bytes(LayerState.Part part, KvWireType wire) {
    return wire == KvWireType.F16 ? part.bytes() : part.lossyBytes();
  }

  /** What stands for the layer in digests. */
  static int code(int layer, int state) {
    return layer | (state << 16);
  }

  /** The digest of pieces of a fixed state; the position is part of their place. */
  static long ofPieces(
      int layer,
      int state,
      int position,
      int first,
      int count,
      int fixedBytes,
      MemorySegment src,
      long offset) {
    int place = code(layer, state) + position * 0x9E3779B1;
    int whole = Math.min(count, fixedBytes / PIECE_BYTES - first);
    long digest = RowDigest.ofParts(place, first, whole, PIECE_BYTES, 0, src, offset);
    if (whole < count) {
      long last = offset + (long) whole * PIECE_BYTES;
      int rest = fixedBytes % PIECE_BYTES;
      digest += RowDigest.ofParts(place, first + whole, 1, rest, 0, src, last);
    }
    return digest;
  }

  int count() {
    return slots.size();
  }

  Slot get(int slot) {
    return slots.get(slot);
  }

  /** The slot of a layer's state, or -1 where nothing of that travels. */
  int find(int layer, int state) {
    int at = layer - fromLayer;
    if (at < 0 || at >= firstOfLayer.length - 1) {
      return -1;
    }
    for (int i = firstOfLayer[at]; i < firstOfLayer[at + 1]; i++) {
      if (slots.get(i).state == state) {
        return i;
      }
    }
    return -1;
  }

  /** The layer's slots are [firstOf, endOf). */
  int firstOf(int layer) {
    return firstOfLayer[layer - fromLayer];
  }

  int endOf(int layer) {
    return firstOfLayer[layer - fromLayer + 1];
  }

  /** Bytes of the largest unit. */
  int largestUnit() {
    return largestUnit;
  }

  /** All that travels, each byte once. */
  long totalBytes() {
    return totalBytes;
  }

  int[] firsts() {
    return slots.stream().mapToInt(Slot::first).toArray();
  }

  int[] ends() {
    return slots.stream().mapToInt(Slot::end).toArray();
  }
}
