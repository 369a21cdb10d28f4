package dev.baton.model;

import java.lang.foreign.MemorySegment;

/**
 * One forward pass of a model over any range of its layers, for any rows of tokens, on whatever
 * computes it: {@link CpuPass} on Baton's kernels, others on accelerators.
 *
 * <p>A pass is {@link #embed}, then {@link #layers} over one or more ranges, then {@link #logits}
 * for the rows that want them. Between these calls the hidden rows stand in {@link #hidden}, in
 * host memory: to go on where another node stopped, put its rows there.
 *
 * <p>One thread at a time; the KV of layers that are done may be read by others meanwhile.
 */
public interface LayerPass extends AutoCloseable {
  /** Hears that a layer is done. On the computing thread. */
  @FunctionalInterface
  interface LayerListener {
    /**
     * The KV of the batch's rows stands in the cache, to be exported by any thread.
     *
     * @return false to end the pass here
     */
    boolean onLayer(int layer);
  }

  /** Rows of the largest batch. */
  int maxTokens();

  /**
   * The hidden rows of the batch at hand, (maxTokens, dim) float32: input and output of {@link
   * #layers}.
   */
  MemorySegment hidden();

  /**
   * Puts the embeddings of the batch's tokens into {@link #hidden}.
   *
   * @throws IllegalArgumentException for a token that the vocabulary lacks
   */
  void embed(TokenBatch batch);

  /**
   * Runs layers [from, to) over the batch, in place in {@link #hidden}, and writes their KV to the
   * batch's sequences. The KV of these layers for all earlier positions must stand there.
   *
   * <p>Behind the model's last layer only the batch's wanted rows are left: they stand in {@link
   * #hidden} from row 0 on, in their order.
   */
  void layers(TokenBatch batch, int from, int to);

  /**
   * The same, telling {@code listener} of each layer as soon as it is done, which may be when the
   * next one is under way.
   *
   * @return false when the listener ended it; where the pass {@link #canPause}, rows may go on then
   *     as with {@link #layersWhile}
   */
  default boolean layers(TokenBatch batch, int from, int to, LayerListener listener) {
    for (int layer = from; layer < to; layer++) {
      layers(batch, layer, layer + 1);
      if (!listener.onLayer(layer)) {
        return false;
      }
    }
    return true;
  }

  /**
   * The same, where nobody reads the KV meanwhile and {@code listener} only says whether the pass
   * is to go on. Where asking would cost something, the pass may run on to its end. Where it ends
   * before the last layer, the hidden rows stand behind the layer at which it did, and other rows,
   * or fewer, may go on from there.
   *
   * @return false when the listener ended it
   */
  default boolean layersWhile(TokenBatch batch, int from, int to, LayerListener listener) {
    return layers(batch, from, to, listener);
  }

  /**
   * Whether a pass that its listener ended behind a layer can go on from there, after others were
   * run: its hidden rows stand in {@link #hidden} then, however it was listened to.
   */
  default boolean canPause() {
    return true;
  }

  /**
   * Final norm and output matrix for rows [firstRow, firstRow + rows) of {@link #hidden}.
   *
   * @param out (rows, vocabSize) float32
   */
  void logits(int firstRow, int rows, MemorySegment out);

  /**
   * {@link dev.baton.kernel.Kernels#maxima} of the rows of logits that {@link #logits} wrote last,
   * where this pass can tell them sooner than who would look for them.
   *
   * @param logits (rows, vocabSize) float32
   * @param out receives them
   * @return false when it cannot; nothing was written then
   */
  default boolean maxima(int rows, MemorySegment logits, MemorySegment out) {
    return false;
  }

  /** Frees the scratch memory. Twice is fine. */
  @Override
  void close();
}
