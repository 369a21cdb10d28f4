package dev.baton.kvstream;

import dev.baton.kernel.KvWireType;
import java.util.Objects;

/**
 * What a decode node asks of a prefill node: compute layers [0, boundaryLayer) of tokens
 * [firstToken, tokens.length) and stream their KV, and the hidden rows at the boundary.
 *
 * <p>With {@code boundaryLayer} equal to the model's layer count only the last token's hidden row
 * travels; with a smaller one the hidden rows of all ordered tokens do.
 *
 * @param sessionId unique at the decode node, random
 * @param tokens the whole prompt, from position 0; not to be changed after the call
 * @param firstToken tokens before it need not be sent; the prefill node still computes what it
 *     lacks of them
 * @param boundaryLayer 1..layers
 * @param chunks how the prompt is cut into runs of tokens that go through the layers together
 * @param wireType element type of the KV slices
 */
public record PrefillOrder(
    long sessionId,
    int[] tokens,
    int firstToken,
    int boundaryLayer,
    ChunkSchedule chunks,
    KvWireType wireType) {
  public PrefillOrder {
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(chunks, "chunks");
    Objects.requireNonNull(wireType, "wireType");
    if (tokens.length < 1 || firstToken < 0 || firstToken >= tokens.length) {
      throw new IllegalArgumentException(
          "an order needs tokens, got [" + firstToken + ", " + tokens.length + ")");
    }
    if (boundaryLayer < 1) {
      throw new IllegalArgumentException(
          "an order needs a boundary layer of at least 1, got " + boundaryLayer);
    }
  }

  /**
   * A number that any single change of the order changes: nothing else on the wire would tell that
   * another prompt was prefilled than the one that was meant. FNV-1a over whole numbers.
   */
  long digest() {
    long hash = 0xcbf29ce484222325L;
    hash = mix(hash, sessionId);
    hash = mix(hash, firstToken);
    hash = mix(hash, boundaryLayer);
    hash = mix(hash, chunks.largestTokens());
    hash = mix(hash, chunks.smallestTokens());
    hash = mix(hash, WireCodes.of(wireType));
    for (int token : tokens) {
      hash = mix(hash, token);
    }
    return hash;
  }

  private static long mix(long hash, long number) {
    long mixed = (hash ^ number) * 0x100000001b3L;
    return mixed ^ (mixed >>> 32);
  }
}
