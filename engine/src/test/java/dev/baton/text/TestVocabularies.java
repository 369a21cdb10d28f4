package dev.baton.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Small vocabularies, made up for tests. */
final class TestVocabularies {
  private TestVocabularies() {}

  /** Each way of splitting for words whose bytes merge, by its own name. */
  static Stream<String> byteLevelPreTokenizers() {
    return PreTokenizerTable.entries().stream()
        .filter(each -> !each.rules().contains(PreTokenizerTable.Rule.CHARACTERS))
        .map(each -> each.names().getFirst());
  }

  /** Each way of splitting, by its own name. */
  static Stream<String> preTokenizers() {
    return PreTokenizerTable.entries().stream().map(each -> each.names().getFirst());
  }

  static Vocabulary.Token token(String text) {
    return token(text, TokenType.NORMAL);
  }

  static Vocabulary.Token token(String text, TokenType type) {
    return new Vocabulary.Token(text, 0f, type);
  }

  static Vocabulary.Token scored(String text, float score) {
    return new Vocabulary.Token(text, score, TokenType.NORMAL);
  }

  /** Byte-level BPE: all 256 bytes as ids 0 to 255 in their GPT-2 spelling, then {@code more}. */
  static Vocabulary bytePairs(String preTokenizer, List<String> merges, Vocabulary.Token... more) {
    List<Vocabulary.Token> tokens = new ArrayList<>();
    char next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
      tokens.add(token(String.valueOf(printable ? (char) b : next++)));
    }
    tokens.addAll(List.of(more));
    return new Vocabulary(
        new Vocabulary.Scheme.RankedBytePairs(PreTokenizer.named(preTokenizer), merges),
        tokens,
        new Vocabulary.SpecialIds(Vocabulary.NONE, Vocabulary.NONE, Vocabulary.NONE, Set.of()),
        new Vocabulary.Framing(false, false, false));
  }

  /**
   * SentencePiece: unknown, BOS and EOS as ids 0 to 2, all bytes as ids 3 to 258, then {@code
   * more}.
   */
  static Vocabulary scoredPairs(Vocabulary.Framing framing, Vocabulary.Token... more) {
    List<Vocabulary.Token> tokens = new ArrayList<>();
    tokens.add(token("<unk>", TokenType.UNKNOWN));
    tokens.add(token("<s>", TokenType.CONTROL));
    tokens.add(token("</s>", TokenType.CONTROL));
    IntStream.range(0, 256)
        .forEach(b -> tokens.add(token(String.format("<0x%02X>", b), TokenType.BYTE)));
    tokens.addAll(List.of(more));
    return new Vocabulary(
        new Vocabulary.Scheme.ScoredPairs(),
        tokens,
        new Vocabulary.SpecialIds(1, 2, 0, Set.of(2)),
        framing);
  }
}
