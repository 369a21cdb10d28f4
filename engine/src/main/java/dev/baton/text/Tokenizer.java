package dev.baton.text;

import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufMetadata;
import dev.baton.template.Template;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;

/**
 * Text to token ids and back, by a model's own vocabulary; ids are those of llama.cpp for the same
 * GGUF. Immutable; any thread.
 *
 * <p>For text that is valid Unicode, decoding what was encoded gives the text back, byte for byte,
 * but for what the vocabulary cannot express (see {@link ByteLevelBpe} and {@link SentencePiece}).
 */
public final class Tokenizer {
  private static final byte[] NOTHING = {};

  private final Vocabulary vocabulary;
  private final TextModel model;
  private final SpecialTokens userDefined;
  private final SpecialTokens named;

  private Tokenizer(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    this.model =
        switch (vocabulary.scheme()) {
          case Vocabulary.Scheme.ScoredPairs _ -> new SentencePiece(vocabulary);
          case Vocabulary.Scheme.RankedBytePairs scheme ->
              scheme.preTokenizer().rules().contains(PreTokenizerTable.Rule.CHARACTERS)
                  ? new CharacterBpe(vocabulary, scheme)
                  : new ByteLevelBpe(vocabulary, scheme);
        };
    this.userDefined = new SpecialTokens(vocabulary, false);
    this.named = new SpecialTokens(vocabulary, true);
  }

  /**
   * @throws dev.baton.gguf.GgufException where the vocabulary contradicts itself
   */
  public static Tokenizer of(Vocabulary vocabulary) {
    return new Tokenizer(vocabulary);
  }

  /**
   * The tokenizer of a model; the file may be closed afterwards.
   *
   * @throws dev.baton.gguf.GgufException as {@link Vocabulary#from} and {@link #of}
   */
  public static Tokenizer from(GgufMetadata metadata) {
    Vocabulary vocabulary = Vocabulary.from(metadata);
    return metadata.naming(() -> of(vocabulary));
  }

  /**
   * The tokenizer of the model in a file.
   *
   * @throws dev.baton.gguf.GgufException as {@link #from}, and when the file is no GGUF; its
   *     tensors do not matter
   */
  public static Tokenizer of(Path model) {
    try (GgufFile file = GgufFile.openMetadata(model)) {
      return from(file.metadata());
    }
  }

  public Vocabulary vocabulary() {
    return vocabulary;
  }

  /**
   * The ids of a text. An unpaired surrogate is read as U+FFFD.
   *
   * @param addSpecial puts BOS before and EOS after, where the model wants them
   * @param parseSpecial whether the names of control tokens in the text ({@code <|im_end|>}) become
   *     those tokens; false for text that a user wrote
   */
  public int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
    IdBuffer ids = new IdBuffer();
    if (addSpecial && vocabulary.framing().addsBos()) {
      ids.add(vocabulary.special().bos());
    }
    String valid = Utf8.withoutUnpairedSurrogates(text);
    (parseSpecial ? named : userDefined).split(valid, new Parts(valid, ids));
    if (addSpecial && vocabulary.framing().addsEos()) {
      ids.add(vocabulary.special().eos());
    }
    return ids.toArray();
  }

  /**
   * The ids of what a chat template wrote, as one text; nothing is added around it. What is marked
   * names no control token, also not together with what stands beside it.
   *
   * @param parseSpecial whether what is marked may name control tokens nevertheless
   */
  int[] encode(List<Template.Piece> pieces, boolean parseSpecial) {
    StringBuilder text = new StringBuilder();
    BitSet marked = new BitSet();
    for (Template.Piece piece : pieces) {
      int from = text.length();
      text.append(Utf8.withoutUnpairedSurrogates(piece.text()));
      marked.set(from, text.length(), piece.marked() && !parseSpecial);
    }
    IdBuffer ids = new IdBuffer();
    String whole = text.toString();
    named.split(
        whole,
        (from, to) -> {
          int next = marked.nextSetBit(from);
          return next < 0 || next >= to;
        },
        new Parts(whole, ids));
    return ids.toArray();
  }

  /**
   * The bytes of text that a token stands for, which may be part of a character: join them with
   * {@link Utf8Stream}. Empty for tokens that only steer the model.
   *
   * @throws IllegalArgumentException for an id outside the vocabulary
   */
  public byte[] pieceBytes(int id) {
    return pieceBytes(id, false);
  }

  /**
   * The bytes of text that a token stands for.
   *
   * @param showSpecial whether tokens that only steer the model give their names
   * @throws IllegalArgumentException for an id outside the vocabulary
   */
  public byte[] pieceBytes(int id, boolean showSpecial) {
    Vocabulary.Token token = vocabulary.token(id);
    return switch (token.type()) {
      case NORMAL, USER_DEFINED, BYTE -> model.bytesOf(token);
      case CONTROL, UNKNOWN ->
          showSpecial ? token.text().getBytes(StandardCharsets.UTF_8) : NOTHING;
      case UNUSED, UNDEFINED -> NOTHING;
    };
  }

  /**
   * A whole text that {@link #encode} made ids of, without the space that encoding put before it
   * and without tokens that only steer the model. Bytes that are no UTF-8 become U+FFFD.
   *
   * @throws IllegalArgumentException for an id outside the vocabulary
   */
  public String decode(int[] ids) {
    return decode(ids, false);
  }

  /**
   * As {@link #decode(int[])}.
   *
   * @param showSpecial whether tokens that only steer the model give their names
   */
  public String decode(int[] ids, boolean showSpecial) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(4 * ids.length);
    boolean spaceAdded = vocabulary.framing().addsSpacePrefix();
    for (int id : ids) {
      byte[] piece = pieceBytes(id, showSpecial);
      boolean plain =
          vocabulary.token(id).type() == TokenType.NORMAL
              || vocabulary.token(id).type() == TokenType.BYTE;
      int from = plain && spaceAdded && piece.length > 0 && piece[0] == ' ' ? 1 : 0;
      bytes.write(piece, from, piece.length - from);
      spaceAdded = vocabulary.framing().addsSpacePrefix() && !plain;
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** Whether a model that produced {@code id} has said all it wanted to say. */
  public boolean isEndOfGeneration(int id) {
    return vocabulary.isEndOfGeneration(id);
  }

  /** Encodes the parts of one text. */
  private final class Parts implements SpecialTokens.PartSink {
    private final String text;
    private final IdBuffer ids;
    private boolean afterText;

    Parts(String text, IdBuffer ids) {
      this.text = text;
      this.ids = ids;
    }

    @Override
    public void text(int from, int to) {
      if (vocabulary.framing().addsSpacePrefix() && !afterText) {
        model.encode(' ' + text.substring(from, to), 0, to - from + 1, ids);
      } else {
        model.encode(text, from, to, ids);
      }
      afterText = true;
    }

    @Override
    public void token(int id) {
      ids.add(id);
      afterText = false;
    }
  }
}
