package dev.baton.kernel;

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

  /** Bytes of one token's K and V in one layer, in memory and on the wire as f16. */
  public int tokenBytes() {
    return 2 * kvHeads * headDim * Short.BYTES;
  }
}
