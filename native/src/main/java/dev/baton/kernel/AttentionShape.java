package dev.baton.kernel;

/**
 * What the attention of a layer computes. Query head h uses KV head {@code h / (heads / kvHeads)}.
 *
 * @param heads of queries, a multiple of {@code kvHeads}
 * @param kvHeads heads of K and V
 * @param keyDim elements of a head of Q and of K
 * @param valueDim elements of a head of V and of what comes out
 * @param scale of each product of a query and a key
 */
public record AttentionShape(int heads, int kvHeads, int keyDim, int valueDim, float scale) {
  public AttentionShape {
    if (kvHeads < 1 || heads < 1 || heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          heads + " query heads cannot share " + kvHeads + " KV heads");
    }
    if (keyDim < 1 || keyDim != valueDim) {
      throw new IllegalArgumentException(
          "attention with heads of "
              + keyDim
              + " for keys and "
              + valueDim
              + " for values; so far both have one width");
    }
  }
}
