package dev.baton.template;

import java.util.function.IntPredicate;

/** Python's {@code isalpha()} and its like. */
final class CharacterTests {
  private CharacterTests() {}

  static boolean is(String name, Text text) {
    String chars = text.chars();
    return switch (name) {
      case "isascii" -> chars.codePoints().allMatch(c -> c < 0x80);
      case "isprintable" -> chars.codePoints().allMatch(Shown::isPrintable);
      case "islower" -> Caseless.isAll(text, false);
      case "isupper" -> Caseless.isAll(text, true);
      case "isspace" -> all(chars, Strip::isSpace);
      case "isalpha" -> all(chars, Character::isLetter);
      case "isdecimal" -> all(chars, CharacterTests::isDecimal);
      case "isdigit" -> all(chars, CharacterTests::isDigit);
      case "isnumeric" -> all(chars, CharacterTests::isNumeric);
      case "isalnum" -> all(chars, c -> Character.isLetter(c) || isNumeric(c));
      case "isidentifier" ->
          !chars.isEmpty()
              && (chars.codePointAt(0) == '_'
                  || Character.isUnicodeIdentifierStart(chars.codePointAt(0)))
              && chars
                  .codePoints()
                  .allMatch(c ->
                      Character.isUnicodeIdentifierPart(c) && !Character.isIdentifierIgnorable(c));
      default -> isTitle(text);
    };
  }

  private static boolean all(String chars, IntPredicate is) {
    return !chars.isEmpty() && chars.codePoints().allMatch(is);
  }

  private static boolean isDecimal(int code) {
    return Character.getType(code) == Character.DECIMAL_DIGIT_NUMBER;
  }

  /** Superscripts and circled digits, too. */
  private static boolean isDigit(int code) {
    return isDecimal(code)
        || code == 0xB2
        || code == 0xB3
        || code == 0xB9
        || code == 0x2070
        || (code >= 0x2074 && code <= 0x2079)
        || (code >= 0x2080 && code <= 0x2089)
        || (code >= 0x2460 && code <= 0x2468);
  }

  private static boolean isNumeric(int code) {
    return switch (Character.getType(code)) {
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
      default -> false;
    };
  }

  private static boolean isTitle(Text text) {
    boolean inWord = false;
    boolean any = false;
    for (int code : text.chars().codePoints().toArray()) {
      boolean large = Character.isUpperCase(code) || Character.isTitleCase(code);
      if ((large && inWord) || (Character.isLowerCase(code) && !inWord)) {
        return false;
      }
      inWord = Caseless.isCased(code);
      any |= inWord;
    }
    return any;
  }
}
