package dev.baton.text;

/** Python's rules for text that chat templates meet: string escapes and white space. */
final class JinjaText {
  private static final String ESCAPES = "n\nt\tr\rb\bf\fa\u0007v\u000B\\\\''\"\"";

  private JinjaText() {}

  /** What a string literal's inside stands for. */
  static String unescape(String literal) {
    StringBuilder text = new StringBuilder(literal.length());
    for (int i = 0; i < literal.length(); i++) {
      char c = literal.charAt(i);
      if (c != '\\' || i + 1 == literal.length()) {
        text.append(c);
        continue;
      }
      char escaped = literal.charAt(++i);
      int digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : 0;
      int named = ESCAPES.indexOf(escaped);
      if (escaped == '\n') {
        continue; // a line that goes on
      }
      if (digits > 0 && i + digits < literal.length() && isHex(literal, i + 1, digits)) {
        text.append((char) Integer.parseInt(literal, i + 1, i + 1 + digits, 16));
        i += digits;
      } else if (named >= 0 && named % 2 == 0) {
        text.append(ESCAPES.charAt(named + 1));
      } else {
        text.append(c).append(escaped);
      }
    }
    return text.toString();
  }

  private static boolean isHex(String text, int from, int digits) {
    return text.substring(from, from + digits).chars().allMatch(c -> Character.digit(c, 16) >= 0);
  }

  /** {@code text} without the white space around it. */
  static String trim(String text) {
    return trimStart(trimEnd(text));
  }

  static String trimStart(String text) {
    int from = 0;
    while (from < text.length() && isSpace(text.charAt(from))) {
      from++;
    }
    return text.substring(from);
  }

  static String trimEnd(String text) {
    int to = text.length();
    while (to > 0 && isSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(0, to);
  }

  /** Python's notion of white space: White_Space and the four separators of ASCII. */
  static boolean isSpace(char c) {
    return CharacterSet.isWhiteSpace(c) || (c >= 0x1C && c <= 0x1F);
  }
}
