package dev.baton.text;

/** What a vocabulary entry is, as {@code tokenizer.ggml.token_type} numbers it. */
public enum TokenType {
  /** A number that GGUF does not define: never encoded to, and decoded as nothing. */
  UNDEFINED,
  NORMAL,
  /** Stands for what the vocabulary cannot express. */
  UNKNOWN,
  /** Steers the model ({@code <|im_end|>}): found in text only where the caller asks for it. */
  CONTROL,
  /** A word that its maker wants whole: found in any text, before everything else. */
  USER_DEFINED,
  /** A place kept free: never encoded to, and decoded as nothing. */
  UNUSED,
  /** One byte, written {@code <0xNN>}. */
  BYTE;

  private static final TokenType[] BY_NUMBER = values();

  static TokenType numbered(int number) {
    return number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : UNDEFINED;
  }

  /** Whether plain text may be made of tokens of this type. */
  boolean isPlain() {
    return this == NORMAL || this == USER_DEFINED;
  }

  /** Whether tokens of this type have a name but no text of their own. */
  boolean isNamedOnly() {
    return this == CONTROL || this == UNKNOWN;
  }
}
