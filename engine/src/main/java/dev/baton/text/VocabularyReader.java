package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;
import static dev.baton.text.Vocabulary.NONE;
import static dev.baton.text.Vocabulary.refused;

import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufMetadata;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Reads a {@link Vocabulary} out of GGUF metadata, with the defaults that llama.cpp gives to what a
 * file leaves out.
 *
 * <p>Source: the GGUF specification's {@code tokenizer.ggml} keys; defaults and the names that end
 * a generation as in llama.cpp's {@code llama-vocab.cpp}.
 */
final class VocabularyReader {
  private static final String PREFIX = "tokenizer.ggml.";

  /** How files write "no such token" where the key's type is unsigned. */
  private static final long UNSIGNED_NONE = 0xFFFF_FFFFL;

  /**
   * Tokens that end a generation whatever the file's own ids say; they are control tokens under any
   * type.
   */
  private static final Set<String> ENDING_NAMES =
      Set.of(
          "</s>",
          "<|eot_id|>",
          "<|eom_id|>",
          "<|im_end|>",
          "<|end|>",
          "<|return|>",
          "<|call|>",
          "<end_of_turn>",
          "<|endoftext|>",
          "<|end_of_text|>",
          "<EOT>",
          "_<EOT>",
          "[EOT]",
          "[EOS]",
          "<eos>",
          "<end_of_utterance>",
          "<｜end▁of▁sentence｜>",
          "<|fim_pad|>",
          "<fim-pad>",
          "<fim_pad>",
          "<PAD>",
          "[PAD]",
          "<|fim_repo|>",
          "<|repo_name|>",
          "<fim-repo>",
          "<REPO>",
          "<reponame>",
          "<|file_sep|>");

  private static final List<String> ENDING_KEYS =
      List.of(
          "eos_token_id",
          "eot_token_id",
          "eom_token_id",
          "fim_pad_token_id",
          "fim_rep_token_id",
          "fim_sep_token_id");

  private final GgufMetadata metadata;

  VocabularyReader(GgufMetadata metadata) {
    this.metadata = metadata;
  }

  Vocabulary read() {
    String model = metadata.string(PREFIX + "model");
    return switch (model) {
      case "llama" -> scoredPairs();
      case "gpt2" -> rankedBytePairs();
      default ->
          throw new GgufException(
              "metadata 'tokenizer.ggml.model': tokenizer "
                  + quoted(model)
                  + " is not supported; Baton reads 'llama' (SentencePiece) and 'gpt2' (byte-level"
                  + " BPE)");
    };
  }

  private Vocabulary scoredPairs() {
    List<Vocabulary.Token> tokens = tokens(scores());
    return new Vocabulary(
        new Vocabulary.Scheme.ScoredPairs(),
        tokens,
        specialIds(tokens, 1, 2, 0),
        new Vocabulary.Framing(
            flag("add_bos_token", true),
            flag("add_eos_token", false),
            flag("add_space_prefix", true)));
  }

  private Vocabulary rankedBytePairs() {
    PreTokenizer preTokenizer = PreTokenizer.named(metadata.string(PREFIX + "pre", "default"));
    List<Vocabulary.Token> tokens = tokens(new float[metadata.arrayLength(PREFIX + "tokens")]);
    return new Vocabulary(
        new Vocabulary.Scheme.RankedBytePairs(preTokenizer, metadata.strings(PREFIX + "merges")),
        tokens,
        specialIds(tokens, NONE, NONE, NONE),
        new Vocabulary.Framing(
            flag("add_bos_token", preTokenizer.addsBosByDefault()),
            flag("add_eos_token", false),
            false));
  }

  private float[] scores() {
    float[] scores = metadata.floats(PREFIX + "scores");
    int count = metadata.arrayLength(PREFIX + "tokens");
    if (scores.length != count) {
      throw refused("scores", scores.length + " scores for " + count + " tokens");
    }
    for (int id = 0; id < count; id++) {
      if (Float.isNaN(scores[id])) {
        throw refused("scores", "the score of token " + id + " is not a number");
      }
    }
    return scores;
  }

  private List<Vocabulary.Token> tokens(float[] scores) {
    List<String> texts = metadata.strings(PREFIX + "tokens");
    int[] types = metadata.has(PREFIX + "token_type") ? metadata.ints(PREFIX + "token_type") : null;
    if (types != null && types.length != texts.size()) {
      throw refused("token_type", types.length + " types for " + texts.size() + " tokens");
    }
    List<Vocabulary.Token> tokens = new ArrayList<>(texts.size());
    for (int id = 0; id < texts.size(); id++) {
      String text = texts.get(id);
      TokenType type = types == null ? TokenType.NORMAL : TokenType.numbered(types[id]);
      tokens.add(
          new Vocabulary.Token(
              text, scores[id], ENDING_NAMES.contains(text) ? TokenType.CONTROL : type));
    }
    return tokens;
  }

  private Vocabulary.SpecialIds specialIds(
      List<Vocabulary.Token> tokens, int bos, int eos, int unknown) {
    int size = tokens.size();
    Set<Integer> ending = new HashSet<>();
    for (int id = 0; id < size; id++) {
      Vocabulary.Token token = tokens.get(id);
      if (token.type() == TokenType.CONTROL && ENDING_NAMES.contains(token.text())) {
        ending.add(id);
      }
    }
    for (String key : ENDING_KEYS) {
      int id = id(key, key.equals("eos_token_id") ? eos : NONE, size);
      if (id != NONE) {
        ending.add(id);
      }
    }
    return new Vocabulary.SpecialIds(
        id("bos_token_id", bos, size),
        id("eos_token_id", eos, size),
        id("unknown_token_id", unknown, size),
        ending);
  }

  /** The id at a key; a default that the vocabulary is too small for counts as none. */
  private int id(String key, int ifMissing, int size) {
    if (!metadata.has(PREFIX + key)) {
      return ifMissing < size ? ifMissing : NONE;
    }
    long id = metadata.integer(PREFIX + key);
    if (id == UNSIGNED_NONE || id == NONE) {
      return NONE;
    }
    if (id < 0 || id >= size) {
      throw refused(key, id + " is outside the vocabulary of " + size + " tokens");
    }
    return (int) id;
  }

  private boolean flag(String key, boolean ifMissing) {
    return metadata.bool(PREFIX + key, ifMissing);
  }
}
