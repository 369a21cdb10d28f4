package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufMetadata;
import java.util.List;
import java.util.Set;

/**
 * A model's tokens and the rules by which text becomes them. Immutable; any thread.
 *
 * @param scheme how words are put together from tokens
 * @param tokens the tokens, by id; no two have the same text
 * @param special the ids with a meaning of their own
 * @param framing what {@link Tokenizer#encode} adds around a text
 */
public record Vocabulary(Scheme scheme, List<Token> tokens, SpecialIds special, Framing framing) {
  /** Stands for "the model has no such token" in {@link SpecialIds}. */
  public static final int NONE = -1;

  /**
   * @throws GgufException for a token that occurs twice, an id outside the tokens, or a BOS or EOS
   *     that is to be added but does not exist
   */
  public Vocabulary {
    tokens = List.copyOf(tokens);
    if (tokens.isEmpty()) {
      throw refused("tokens", "the vocabulary is empty");
    }
    refuseDuplicates(tokens);
    refuseOutside(tokens.size(), "bos_token_id", special.bos());
    refuseOutside(tokens.size(), "eos_token_id", special.eos());
    refuseOutside(tokens.size(), "unknown_token_id", special.unknown());
    for (int id : special.endOfGeneration()) {
      refuseOutside(tokens.size(), "end-of-generation id", id);
    }
    if (framing.addsBos() && special.bos() == NONE) {
      throw refused(
          "add_bos_token", "a BOS is to be added but bos_token_id is missing or no token's");
    }
    if (framing.addsEos() && special.eos() == NONE) {
      throw refused(
          "add_eos_token", "an EOS is to be added but eos_token_id is missing or no token's");
    }
  }

  /** How the tokens of a word are found. */
  public sealed interface Scheme {
    /**
     * Pairs of neighbours merge, best score first ({@code tokenizer.ggml.model} = {@code llama}).
     */
    record ScoredPairs() implements Scheme {}

    /**
     * Words are split off first, then pairs of their bytes merge in the listed order ({@code
     * gpt2}).
     *
     * @param merges pairs of token texts with one space between, best first
     */
    record RankedBytePairs(PreTokenizer preTokenizer, List<String> merges) implements Scheme {
      public RankedBytePairs {
        merges = List.copyOf(merges);
      }
    }
  }

  /**
   * @param text as the file spells it (for {@link Scheme.RankedBytePairs}, bytes in their printable
   *     spelling)
   * @param score the merge priority under {@link Scheme.ScoredPairs}, greater is better
   */
  public record Token(String text, float score, TokenType type) {}

  /**
   * @param bos begin of sequence, or {@link #NONE}
   * @param eos end of sequence, or {@link #NONE}
   * @param unknown what no token can express, or {@link #NONE}
   * @param endOfGeneration every id at which generation stops
   */
  public record SpecialIds(int bos, int eos, int unknown, Set<Integer> endOfGeneration) {
    public SpecialIds {
      endOfGeneration = Set.copyOf(endOfGeneration);
    }
  }

  /**
   * @param addsSpacePrefix whether a space is put before a text, so that its first word is spelled
   *     like any other
   * @param takesSpaceAfterTokens whether white space after a token that is spelled out in a text is
   *     part of it, as in Phi-3
   */
  public record Framing(
      boolean addsBos, boolean addsEos, boolean addsSpacePrefix, boolean takesSpaceAfterTokens) {
    public Framing(boolean addsBos, boolean addsEos, boolean addsSpacePrefix) {
      this(addsBos, addsEos, addsSpacePrefix, false);
    }
  }

  /**
   * The vocabulary in a GGUF's metadata; the file may be closed afterwards.
   *
   * @throws GgufException naming the key, where something is missing, contradicts itself or is not
   *     supported
   */
  public static Vocabulary from(GgufMetadata metadata) {
    return metadata.naming(() -> new VocabularyReader(metadata).read());
  }

  public int size() {
    return tokens.size();
  }

  /**
   * @throws IllegalArgumentException for an id outside the vocabulary
   */
  public Token token(int id) {
    if (id < 0 || id >= tokens.size()) {
      throw new IllegalArgumentException(
          "token id " + id + " is outside the vocabulary of " + tokens.size() + " tokens");
    }
    return tokens.get(id);
  }

  /** Whether a model that produced {@code id} has said all it wanted to say. */
  public boolean isEndOfGeneration(int id) {
    return special.endOfGeneration().contains(id);
  }

  private static void refuseDuplicates(List<Token> tokens) {
    TextIds seen = new TextIds(tokens.stream().map(Token::text).toArray(String[]::new));
    for (int id = 0; id < tokens.size(); id++) {
      String text = tokens.get(id).text();
      int first = text.isEmpty() ? TextIds.NONE : seen.add(id);
      if (first != TextIds.NONE) {
        throw refused("tokens", "ids " + first + " and " + id + " are both " + quoted(text));
      }
    }
  }

  private static void refuseOutside(int size, String key, int id) {
    if (id < NONE || id >= size) {
      throw refused(key, id + " is outside the vocabulary of " + size + " tokens");
    }
  }

  static GgufException refused(String key, String why) {
    return new GgufException(
        "metadata 'tokenizer.ggml." + key + "': " + why + "; convert the model again");
  }
}
