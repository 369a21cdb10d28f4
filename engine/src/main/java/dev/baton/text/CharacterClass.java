package dev.baton.text;

import java.util.Arrays;

/**
 * The four classes that the pre-tokenizers' patterns tell apart: {@code \p{L}}, {@code \p{N}},
 * {@code \s} and the rest.
 *
 * <p>Source: Unicode general categories as the JDK has them; {@code \s} is the property
 * White_Space, which is neither of Java's own two notions of white space.
 */
final class CharacterClass {
  static final byte OTHER = 0;
  static final byte LETTER = 1;
  static final byte NUMBER = 2;
  static final byte SPACE = 3;

  private static final byte[] BASIC_PLANE = basicPlane();

  private CharacterClass() {}

  static byte of(int codePoint) {
    return codePoint < BASIC_PLANE.length ? BASIC_PLANE[codePoint] : classify(codePoint);
  }

  /** The Unicode property White_Space. */
  static boolean isWhiteSpace(int codePoint) {
    return of(codePoint) == SPACE;
  }

  /** {@code \p{P}}. */
  static boolean isPunctuation(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONNECTOR_PUNCTUATION,
          Character.DASH_PUNCTUATION,
          Character.START_PUNCTUATION,
          Character.END_PUNCTUATION,
          Character.INITIAL_QUOTE_PUNCTUATION,
          Character.FINAL_QUOTE_PUNCTUATION,
          Character.OTHER_PUNCTUATION ->
          true;
      default -> false;
    };
  }

  private static byte[] basicPlane() {
    byte[] classes = new byte[0x10000];
    for (int codePoint = 0; codePoint < classes.length; codePoint++) {
      classes[codePoint] = classify(codePoint);
    }
    for (int space : new int[] {0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}) {
      classes[space] = SPACE;
    }
    Arrays.fill(classes, 0x09, 0x0E, SPACE);
    Arrays.fill(classes, 0x2000, 0x200B, SPACE);
    return classes;
  }

  private static byte classify(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.UPPERCASE_LETTER,
          Character.LOWERCASE_LETTER,
          Character.TITLECASE_LETTER,
          Character.MODIFIER_LETTER,
          Character.OTHER_LETTER ->
          LETTER;
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER ->
          NUMBER;
      default -> OTHER;
    };
  }
}
