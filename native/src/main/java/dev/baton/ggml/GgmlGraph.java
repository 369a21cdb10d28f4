package dev.baton.ggml;

import java.lang.foreign.MemorySegment;

/**
 * A graph that is computed again and again, with the context that describes it. What it computes on
 * its way lies in the buffer of a {@link GgmlScratch}.
 */
final class GgmlGraph implements AutoCloseable {
  private static final int NODES_OF_LAYER = 64;
  private static final int NODES_OF_RUN = 16;
  private static final int NODES_OF_PIECE = 6;

  private final GgmlTensors tensors;
  private final MemorySegment context;
  private final MemorySegment handle;
  private int scratchAge = -1;

  /**
   * @param runs of rows whose attention is computed each for itself
   * @param pieces of the cache that are put together for it
   */
  GgmlGraph(GgmlTensors tensors, int runs, int pieces) {
    int nodes = NODES_OF_LAYER + runs * NODES_OF_RUN + pieces * NODES_OF_PIECE;
    this.tensors = tensors;
    this.context =
        tensors.init(nodes * tensors.tensorOverhead() + tensors.graphOverhead(nodes, false));
    this.handle = tensors.newGraph(context, nodes, false);
  }

  /** For a layer of a batch of that shape. */
  static GgmlGraph ofLayer(GgmlTensors tensors, GgmlShape shape) {
    return new GgmlGraph(tensors, shape.runs().size(), shape.joinedPieces());
  }

  /** Where its operations are described. */
  MemorySegment context() {
    return context;
  }

  MemorySegment handle() {
    return handle;
  }

  /** Adds a result, with all it takes. */
  void add(MemorySegment result) {
    tensors.buildForwardExpand(handle, result);
  }

  /** The age of the scratch memory it has its places in. */
  int scratchAge() {
    return scratchAge;
  }

  void placed(int age) {
    scratchAge = age;
  }

  @Override
  public void close() {
    tensors.free(context);
  }
}
