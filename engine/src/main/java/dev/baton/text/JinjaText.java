package dev.baton.text;

/**
 * The two rules of Jinja that the known chat templates' contents meet: string escapes and the
 * {@code trim} filter.
 */
final class JinjaText {
  private JinjaText() {}

  /** What a string literal's inside stands for. */
  static String unescape(String literal) {
    StringBuilder text = new StringBuilder(literal.length());
    for (int i = 0; i < literal.length(); i++) {
      char c = literal.charAt(i);
      if (c == '\\' && i + 1 < literal.length()) {
        char escaped = literal.charAt(++i);
        text.append(escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped);
      } else {
        text.append(c);
      }
    }
    return text.toString();
  }

  /** {@code text} without the white space around it. */
  static String trim(String text) {
    int from = 0;
    int to = text.length();
    while (from < to && isTrimmed(text.charAt(from))) {
      from++;
    }
    while (to > from && isTrimmed(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  /** Python's notion of white space: White_Space and the four separators of ASCII. */
  private static boolean isTrimmed(char c) {
    return CharacterClass.isWhiteSpace(c) || (c >= 0x1C && c <= 0x1F);
  }
}
