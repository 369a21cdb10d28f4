package dev.baton.kvstream;

import java.util.Objects;

/**
 * Asks a node what it holds of a prompt.
 *
 * @param tokens of the prompt
 * @param fromLayer of layers [fromLayer, toLayer)
 * @param adapter hash of the adapter that the model runs with, or empty
 * @param chain the prompt's {@link PrefixChain}
 */
public record PrefixQuery(int tokens, int fromLayer, int toLayer, String adapter, byte[] chain) {
  public PrefixQuery {
    Objects.requireNonNull(adapter, "adapter");
    if (tokens < 1
        || fromLayer < 0
        || toLayer <= fromLayer
        || chain.length != tokens / PrefixChain.BLOCK_TOKENS * PrefixChain.HASH_BYTES) {
      throw new IllegalArgumentException(
          "a query of "
              + tokens
              + " tokens, layers ["
              + fromLayer
              + ", "
              + toLayer
              + ") and "
              + chain.length
              + " bytes of hashes");
    }
  }

  /** Of a prompt. */
  public static PrefixQuery of(Prompt prompt, int fromLayer, int toLayer) {
    return new PrefixQuery(
        prompt.tokens().length, fromLayer, toLayer, prompt.adapter(), PrefixChain.of(prompt));
  }
}
