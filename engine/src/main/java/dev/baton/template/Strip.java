package dev.baton.template;

import org.jspecify.annotations.Nullable;

/** White space as Python has it, and what is stripped from a text's ends. */
final class Strip {
  private Strip() {}

  static boolean isSpace(int code) {
    return switch (code) {
      case '\t', '\n', 0x0B, '\f', '\r', 0x1C, 0x1D, 0x1E, 0x1F, ' ', 0x85, 0xA0 -> true;
      case 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true;
      default -> code >= 0x2000 && code <= 0x200A;
    };
  }

  static String end(String text) {
    int to = text.length();
    while (to > 0 && isSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(0, to);
  }

  static String both(String text) {
    return both(Text.of(text), null).chars();
  }

  static Text both(Text text, @Nullable Text of) {
    return start(end(text, of), of);
  }

  /**
   * @param of the characters to strip, or null for white space
   */
  static Text start(Text text, @Nullable Text of) {
    String chars = text.chars();
    int from = 0;
    while (from < chars.length() && isStripped(chars.codePointAt(from), of)) {
      from += Character.charCount(chars.codePointAt(from));
    }
    return text.part(from, chars.length());
  }

  static Text end(Text text, @Nullable Text of) {
    String chars = text.chars();
    int to = chars.length();
    while (to > 0 && isStripped(chars.codePointBefore(to), of)) {
      to -= Character.charCount(chars.codePointBefore(to));
    }
    return text.part(0, to);
  }

  private static boolean isStripped(int code, @Nullable Text of) {
    return of == null ? isSpace(code) : of.chars().indexOf(code) >= 0;
  }
}
