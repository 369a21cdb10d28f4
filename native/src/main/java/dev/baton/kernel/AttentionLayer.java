package dev.baton.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * One layer's attention as the kernels see it: its shape, and where its state lies in a KV block.
 * Made once, when a model is loaded. Any thread.
 */
public final class AttentionLayer {
  // struct bt_attention_layer of baton.h
  private static final long HEADS = 0;
  private static final long KV_HEADS = 8;
  private static final long KEY_DIM = 16;
  private static final long VALUE_DIM = 24;
  private static final long BLOCK_BYTES = 32;
  private static final long LAYER_OFFSET = 40;
  private static final long SCALE = 48;
  private static final long BYTES = 56;

  private final AttentionShape shape;
  private final KvGeometry geometry;
  private final int layer;
  private final MemorySegment struct;

  /**
   * @param geometry the layout of a block
   * @param layer which of the block's layers it is
   * @param arena owns the memory
   * @throws IllegalArgumentException where such attention cannot have such state
   */
  public AttentionLayer(AttentionShape shape, KvGeometry geometry, int layer, Arena arena) {
    Objects.checkIndex(layer, geometry.layers());
    if (shape.kvHeads() != geometry.kvHeads() || shape.keyDim() != geometry.headDim()) {
      throw new IllegalArgumentException(
          "attention over "
              + shape.kvHeads()
              + " KV heads of "
              + shape.keyDim()
              + " with a cache of "
              + geometry.kvHeads()
              + " of "
              + geometry.headDim());
    }
    this.shape = shape;
    this.geometry = geometry;
    this.layer = layer;
    this.struct = arena.allocate(BYTES, Long.BYTES);
    struct.set(ValueLayout.JAVA_LONG, HEADS, shape.heads());
    struct.set(ValueLayout.JAVA_LONG, KV_HEADS, shape.kvHeads());
    struct.set(ValueLayout.JAVA_LONG, KEY_DIM, shape.keyDim());
    struct.set(ValueLayout.JAVA_LONG, VALUE_DIM, shape.valueDim());
    struct.set(ValueLayout.JAVA_LONG, BLOCK_BYTES, geometry.blockBytes());
    struct.set(ValueLayout.JAVA_LONG, LAYER_OFFSET, layer * geometry.layerBytes());
    struct.set(ValueLayout.JAVA_FLOAT, SCALE, shape.scale());
  }

  public AttentionShape shape() {
    return shape;
  }

  /** The layout of a block. */
  public KvGeometry geometry() {
    return geometry;
  }

  /** Which of the block's layers it is. */
  public int layer() {
    return layer;
  }

  /** The same for C. */
  MemorySegment struct() {
    return struct;
  }
}
