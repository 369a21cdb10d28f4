package dev.baton.text;

/** How plain text, free of special tokens, becomes ids and back. Immutable; any thread. */
sealed interface TextModel permits SentencePiece, ByteLevelBpe, CharacterBpe {
  /**
   * Appends the ids of {@code text[from, to)}, which is not empty and holds no unpaired surrogate.
   */
  void encode(String text, int from, int to, IdBuffer out);

  /**
   * The bytes of text that a token of a {@linkplain TokenType#isPlain plain} type or of type BYTE
   * stands for.
   */
  byte[] bytesOf(Vocabulary.Token token);

  /** How vocabularies that have no spelling for bytes write a space. */
  char SPACE = '▁';

  /** The byte in a token's text {@code <0xNN>}, or -1. */
  static int namedByte(String text) {
    if (text.length() != 6 || !text.startsWith("<0x") || text.charAt(5) != '>') {
      return -1;
    }
    int high = Character.digit(text.charAt(3), 16);
    int low = Character.digit(text.charAt(4), 16);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
  }
}
