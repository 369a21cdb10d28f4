package dev.baton.kernel;

import dev.baton.arch.Attention;
import dev.baton.arch.Block;
import dev.baton.arch.LayerState;
import dev.baton.arch.ModelException;
import dev.baton.arch.ModelShape;
import dev.baton.arch.StateTable;
import java.util.List;
import java.util.Objects;

/**
 * How one model's KV lies in host memory, block by block. A block holds {@link #BLOCK_TOKENS} token
 * slots of all layers; token {@code t} of a sequence stands in slot {@code t % 64} of its block
 * {@code t / 64}, so a block is one key tile of the attention.
 *
 * <p>Within a block: {@code [layer][kvHead]}, and for each of these K transposed {@code
 * [headDim][64]} and then V {@code [64][headDim]}, both f16. K is transposed so that 64 keys are
 * the lanes of one query's dot products.
 *
 * <p>How the same KV looks on the wire is {@link KvWireType}'s.
 */
public record KvGeometry(int layers, int kvHeads, int headDim) {
  /** Token slots in a block, and keys in an attention tile. */
  public static final int BLOCK_TOKENS = 64;

  public KvGeometry {
    if (layers < 1 || kvHeads < 1 || headDim < 1) {
      throw new IllegalArgumentException(
          "a KV cache needs layers, KV heads and a head dimension, got "
              + layers
              + ", "
              + kvHeads
              + ", "
              + headDim);
    }
  }

  /**
   * The layout for a model, all of whose layers keep alike K and V rows.
   *
   * @throws ModelException where they do not
   */
  public static KvGeometry of(ModelShape shape) {
    KvGeometry geometry = null;
    for (Block block : shape.blocks()) {
      KvGeometry here =
          switch (block.mixer()) {
            case Attention attention ->
                new KvGeometry(shape.layers(), attention.kvHeads(), attention.headDim());
          };
      if (geometry != null && !geometry.equals(here)) {
        throw new ModelException("layers whose K and V differ in size are not run by this version");
      }
      geometry = here;
    }
    return Objects.requireNonNull(geometry);
  }

  /** Bytes of K (or V) of one head in one block. */
  public long planeBytes() {
    return (long) BLOCK_TOKENS * headDim * Short.BYTES;
  }

  /** Bytes of one layer in one block. */
  public long layerBytes() {
    return 2L * kvHeads * planeBytes();
  }

  /** Bytes of one block, all layers. */
  public long blockBytes() {
    return layers * layerBytes();
  }

  /**
   * The same as a table of states: K and V rows in every layer.
   *
   * @param hiddenDim floats of a hidden row
   */
  public StateTable states(int hiddenDim) {
    LayerState.Part part = LayerState.Part.ofHalves(kvHeads * headDim, headDim);
    return StateTable.alike(
        layers, List.of(new LayerState.Rows(List.of(part, part))), hiddenDim * Float.BYTES);
  }

  /** Bytes of one token's K and V in one layer, in memory and on the wire as f16. */
  public int tokenBytes() {
    return 2 * kvHeads * headDim * Short.BYTES;
  }
}
