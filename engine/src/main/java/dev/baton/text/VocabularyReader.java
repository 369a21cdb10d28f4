package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;
import static dev.baton.text.Vocabulary.NONE;
import static dev.baton.text.Vocabulary.refused;

import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufMetadata;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
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
          "<|flush|>",
          "<|calls|>",
          "<end_of_turn>",
          "<|endoftext|>",
          "<|end_of_text|>",
          "<EOT>",
          "_<EOT>",
          "[EOT]",
          "[EOS]",
          "[e~[",
          "<eos>",
          "<turn|>",
          "<|tool_response>",
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

  /** Ends a generation, but is a word of HTML where {@code <|tool_response>} does so. */
  private static final String TAG = "</s>";

  /** Where they are, one of {@link #ENDING_NAMES} goes on instead. */
  private static final Set<String> RIVALS =
      Set.of("<|return|>", "<|call|>", "<|calls|>", "<|flush|>", "<|tool_response>");

  /** Tokens around code that is to be filled in; they are control tokens under any type. */
  private static final Set<String> FRAMING_NAMES =
      Set.of(
          "<|fim_prefix|>",
          "<fim-prefix>",
          "<fim_prefix>",
          "<｜fim▁begin｜>",
          "<PRE>",
          "▁<PRE>",
          "<|fim_suffix|>",
          "<fim-suffix>",
          "<fim_suffix>",
          "<｜fim▁hole｜>",
          "<SUF>",
          "▁<SUF>",
          "<|fim_middle|>",
          "<fim-middle>",
          "<fim_middle>",
          "<｜fim▁end｜>",
          "<MID>",
          "▁<MID>");

  private static final List<String> SPECIAL_KEYS =
      List.of(
          "bos_token_id",
          "eos_token_id",
          "eot_token_id",
          "eom_token_id",
          "unknown_token_id",
          "seperator_token_id",
          "padding_token_id",
          "mask_token_id",
          "fim_pre_token_id",
          "fim_suf_token_id",
          "fim_mid_token_id",
          "fim_pad_token_id",
          "fim_rep_token_id",
          "fim_sep_token_id");

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
      case "gpt2" -> rankedBytePairs(metadata.string(PREFIX + "pre", "default"));
      case "gemma4" -> rankedBytePairs(model);
      default ->
          throw new GgufException(
              "metadata 'tokenizer.ggml.model': tokenizer "
                  + quoted(model)
                  + " is not supported; Baton reads 'llama' (SentencePiece), 'gpt2' (byte-level"
                  + " BPE) and 'gemma4' (BPE of characters)");
    };
  }

  private Vocabulary scoredPairs() {
    List<Vocabulary.Token> tokens = tokens(scores(), true);
    return new Vocabulary(
        new Vocabulary.Scheme.ScoredPairs(),
        tokens,
        specialIds(tokens, 1, 2, 0),
        new Vocabulary.Framing(
            flag("add_bos_token", true),
            flag("add_eos_token", false),
            flag("add_space_prefix", true),
            takesSpaceAfterTokens()));
  }

  private Vocabulary rankedBytePairs(String pre) {
    PreTokenizer preTokenizer = PreTokenizer.named(pre);
    Set<PreTokenizerTable.Rule> rules = preTokenizer.rules();
    boolean characters = rules.contains(PreTokenizerTable.Rule.CHARACTERS);
    List<Vocabulary.Token> tokens =
        tokens(new float[metadata.arrayLength(PREFIX + "tokens")], characters);
    boolean addsBos =
        rules.contains(PreTokenizerTable.Rule.ALWAYS_BOS)
            || flag("add_bos_token", rules.contains(PreTokenizerTable.Rule.BOS));
    return new Vocabulary(
        new Vocabulary.Scheme.RankedBytePairs(preTokenizer, metadata.strings(PREFIX + "merges")),
        tokens,
        specialIds(tokens, NONE, NONE, NONE),
        new Vocabulary.Framing(
            addsBos, flag("add_eos_token", false), false, takesSpaceAfterTokens()));
  }

  /** No key says so; llama.cpp goes by the model's name. */
  private boolean takesSpaceAfterTokens() {
    String name = metadata.string("general.name", "").toLowerCase(Locale.ROOT);
    return name.contains("phi-3") || name.contains("phi3");
  }

  /** Files without scores, and those with whole numbers or more of them than tokens, are known. */
  private float[] scores() {
    int count = metadata.arrayLength(PREFIX + "tokens");
    if (!metadata.has(PREFIX + "scores")) {
      return new float[count];
    }
    float[] scores = numbers(PREFIX + "scores");
    if (scores.length < count) {
      throw refused("scores", scores.length + " scores for " + count + " tokens");
    }
    for (int id = 0; id < count; id++) {
      if (Float.isNaN(scores[id])) {
        throw refused("scores", "the score of token " + id + " is not a number");
      }
    }
    return scores;
  }

  private float[] numbers(String key) {
    if (!metadata.typeName(key).equals("array of INT32")) {
      return metadata.floats(key);
    }
    int[] whole = metadata.ints(key);
    float[] numbers = new float[whole.length];
    for (int i = 0; i < whole.length; i++) {
      numbers[i] = whole[i];
    }
    return numbers;
  }

  /**
   * @param namesBytes whether {@code <0xNN>} stands for a byte
   */
  private List<Vocabulary.Token> tokens(float[] scores, boolean namesBytes) {
    List<String> texts = metadata.strings(PREFIX + "tokens");
    int[] types = metadata.has(PREFIX + "token_type") ? metadata.ints(PREFIX + "token_type") : null;
    if (types != null && types.length < texts.size()) {
      throw refused("token_type", types.length + " types for " + texts.size() + " tokens");
    }
    Set<Long> named = namedIds();
    boolean tags = notEnding(texts).contains(TAG);
    List<Vocabulary.Token> tokens = new ArrayList<>(texts.size());
    for (int id = 0; id < texts.size(); id++) {
      String text = texts.get(id);
      TokenType type = types == null ? TokenType.NORMAL : TokenType.numbered(types[id]);
      if (namesBytes && isByte(text)) {
        type = TokenType.BYTE;
      } else if (tags && text.equals(TAG)) {
        type = TokenType.NORMAL;
      } else if (steers(text, type, named.contains((long) id))) {
        type = TokenType.CONTROL;
      }
      tokens.add(new Vocabulary.Token(text, scores[id], type));
    }
    return tokens;
  }

  /** Whether a token stands for a byte under whatever type, as converters give it. */
  private static boolean isByte(String text) {
    int named = TextModel.namedByte(text);
    return named >= 0 && text.chars().noneMatch(c -> c >= 'a' && c <= 'f');
  }

  /**
   * Whether a token is a control token under whatever type, so that nobody's text becomes it: one
   * of those that end or frame, one that the file gives a meaning, or one that is written as only
   * control tokens are.
   *
   * @param named whether one of the file's ids for special tokens is this one's
   */
  private static boolean steers(String text, TokenType type, boolean named) {
    if (ENDING_NAMES.contains(text) || FRAMING_NAMES.contains(text)) {
      return true;
    }
    boolean bars =
        (text.startsWith("<|") && text.endsWith("|>"))
            || (text.startsWith("<｜") && text.endsWith("｜>"));
    boolean brackets =
        (text.startsWith("<") && text.endsWith(">"))
            || (text.startsWith("[") && text.endsWith("]"));
    return (type == TokenType.USER_DEFINED && bars && text.length() > 4)
        || (type.isPlain() && named && brackets && text.length() > 2);
  }

  /** Names that end no generation in vocabularies that have others for it. */
  private static Set<String> notEnding(List<String> texts) {
    Set<String> rivals = new HashSet<>();
    texts.stream().filter(RIVALS::contains).forEach(rivals::add);
    Set<String> notEnding = new HashSet<>();
    boolean calls = rivals.contains("<|call|>") || rivals.contains("<|calls|>");
    if (calls && (rivals.contains("<|return|>") || rivals.contains("<|flush|>"))) {
      notEnding.add("<|end|>");
    }
    if (rivals.contains("<|tool_response>")) {
      notEnding.add(TAG);
    }
    return notEnding;
  }

  /** The ids of special tokens that the file names, and those that it leaves to be known. */
  private Set<Long> namedIds() {
    Set<Long> ids = new HashSet<>();
    if (metadata.string(PREFIX + "model").equals("llama")) {
      ids.addAll(List.of(0L, 1L, 2L));
    }
    for (String key : SPECIAL_KEYS) {
      if (metadata.has(PREFIX + key)) {
        ids.add(metadata.integer(PREFIX + key));
      }
    }
    return ids;
  }

  private Vocabulary.SpecialIds specialIds(
      List<Vocabulary.Token> tokens, int bos, int eos, int unknown) {
    int size = tokens.size();
    Set<Integer> ending = new HashSet<>();
    Set<String> notEnding = notEnding(tokens.stream().map(Vocabulary.Token::text).toList());
    for (int id = 0; id < size; id++) {
      Vocabulary.Token token = tokens.get(id);
      if (token.type() == TokenType.CONTROL
          && ENDING_NAMES.contains(token.text())
          && !notEnding.contains(token.text())) {
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

  /** The id at a key; one that the vocabulary is too small for counts as not given. */
  private int id(String key, int ifMissing, int size) {
    int other = ifMissing < size ? ifMissing : NONE;
    if (!metadata.has(PREFIX + key)) {
      return other;
    }
    long id = metadata.integer(PREFIX + key);
    if (id == UNSIGNED_NONE || id == NONE) {
      return NONE;
    }
    return id < 0 || id >= size ? other : (int) id;
  }

  private boolean flag(String key, boolean ifMissing) {
    return metadata.bool(PREFIX + key, ifMissing);
  }
}
