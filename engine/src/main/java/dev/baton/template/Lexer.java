package dev.baton.template;

import dev.baton.template.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A template's text to tokens, with {@code trim_blocks} and {@code lstrip_blocks}. One thread. */
final class Lexer {
  private static final Pattern RAW = Pattern.compile("\\{%[-+]?\\s*+raw\\s*+(-%}\\s*+|%})");
  private static final Pattern END_RAW =
      Pattern.compile("\\{%([-+]?)\\s*+endraw\\s*+(\\+%}|-%}\\s*+|%}\n?)");
  private static final Pattern NAME = Pattern.compile("\\w++", Pattern.UNICODE_CHARACTER_CLASS);
  private static final String DIGITS = "[0-9]++(?:_[0-9]++)*+";
  private static final Pattern FLOAT =
      Pattern.compile(
          "(?<!\\.)"
              + DIGITS
              + "(?:(?:\\."
              + DIGITS
              + ")?[eE][-+]?"
              + DIGITS
              + "|\\."
              + DIGITS
              + ")");
  private static final Pattern INTEGER =
      Pattern.compile(
          "0[bB](?:_?[01])++|0[oO](?:_?[0-7])++|0[xX](?:_?[0-9a-fA-F])++"
              + "|[1-9](?:_?[0-9])*+|0(?:_?0)*+");
  private static final List<String> OPERATORS = List.of("//", "**", "==", "!=", ">=", "<=");
  private static final String SINGLE = "+-/*%~[](){}><=.:|,;";

  private final Source source;
  private final String text;
  private final List<Token> tokens = new ArrayList<>();
  private final Deque<Character> open = new ArrayDeque<>();
  private int at;
  private boolean lineStarting = true;

  private Lexer(Source source) {
    this.source = source;
    this.text = source.text();
  }

  /**
   * @throws TemplateException with the place, where it cannot be read
   */
  static List<Token> tokens(Source source) {
    return new Lexer(source).read();
  }

  private List<Token> read() {
    while (at < text.length()) {
      int begin = nextTag();
      if (begin < 0) {
        add(Kind.DATA, text.substring(at), at);
        break;
      }
      Matcher raw = RAW.matcher(text).region(begin, text.length());
      boolean isRaw = raw.lookingAt();
      char kind = text.charAt(begin + 1);
      data(begin, begin + 2 < text.length() ? text.charAt(begin + 2) : ' ', kind != '{');
      if (isRaw) {
        at = raw.end();
        lineStarting = endsLine();
        raw();
        continue;
      }
      at = begin + 2;
      if (at < text.length() && (text.charAt(at) == '-' || text.charAt(at) == '+')) {
        at++;
      }
      if (kind == '#') {
        comment(begin);
      } else {
        tag(kind == '{', begin);
      }
      lineStarting = endsLine();
    }
    add(Kind.END, "", text.length());
    return tokens;
  }

  private boolean endsLine() {
    return text.charAt(at - 1) == '\n';
  }

  private int nextTag() {
    for (int i = text.indexOf('{', at);
        i >= 0 && i + 1 < text.length();
        i = text.indexOf('{', i + 1)) {
      if ("%{#".indexOf(text.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  /** The text before a tag, less white space that the tag drops. */
  private void data(int to, char sign, boolean stripsLine) {
    String data = text.substring(at, to);
    if (sign == '-') {
      data = Strip.end(data);
    } else if (sign != '+' && stripsLine) {
      int line = data.lastIndexOf('\n') + 1;
      if ((line > 0 || lineStarting) && data.codePoints().skip(line).allMatch(Strip::isSpace)) {
        data = data.substring(0, line);
      }
    }
    if (!data.isEmpty()) {
      add(Kind.DATA, data, at);
    }
  }

  private void raw() {
    int begin = at;
    Matcher end = END_RAW.matcher(text);
    if (!end.find(at)) {
      throw failure("{% raw %} has no end", begin);
    }
    String sign = end.group(1);
    data(end.start(), sign.isEmpty() ? ' ' : sign.charAt(0), true);
    at = end.end();
    lineStarting = endsLine();
  }

  private void comment(int begin) {
    int end = text.indexOf("#}", at);
    if (end < 0) {
      throw failure("a comment has no end", begin);
    }
    boolean drops = end > at && text.charAt(end - 1) == '-';
    boolean keeps = end > at && text.charAt(end - 1) == '+';
    at = end + 2;
    afterTag(drops, !keeps);
  }

  /** White space that a tag's end drops. */
  private void afterTag(boolean all, boolean lineEnd) {
    if (all) {
      skipSpace();
    } else if (lineEnd && at < text.length() && text.charAt(at) == '\n') {
      at++;
    }
  }

  private void skipSpace() {
    while (at < text.length() && Strip.isSpace(text.charAt(at))) {
      at++;
    }
  }

  private void tag(boolean prints, int begin) {
    add(prints ? Kind.PRINT_BEGIN : Kind.BLOCK_BEGIN, prints ? "{{" : "{%", begin);
    open.clear();
    String closing = prints ? "}}" : "%}";
    while (true) {
      skipSpace();
      if (at >= text.length()) {
        throw failure("'" + text.substring(begin, begin + 2) + "' has no end", begin);
      }
      if (open.isEmpty()) {
        char sign = text.charAt(at);
        boolean signed = sign == '-' || (sign == '+' && !prints);
        if (text.startsWith(closing, signed ? at + 1 : at)) {
          add(prints ? Kind.PRINT_END : Kind.BLOCK_END, closing, at);
          at += signed ? 3 : 2;
          afterTag(sign == '-', !prints && sign != '+');
          return;
        }
      }
      token();
    }
  }

  private void token() {
    char c = text.charAt(at);
    if (c == '\'' || c == '"') {
      string(c);
    } else if (!matches(FLOAT, Kind.FLOAT)
        && !matches(INTEGER, Kind.INTEGER)
        && !matches(NAME, Kind.NAME)) {
      operator(c);
    }
  }

  private boolean matches(Pattern pattern, Kind kind) {
    Matcher matcher = pattern.matcher(text).region(at, text.length()).useTransparentBounds(true);
    if (!matcher.lookingAt()) {
      return false;
    }
    String found = matcher.group();
    int first = found.codePointAt(0);
    if (kind == Kind.NAME && first != '_' && !Character.isUnicodeIdentifierStart(first)) {
      throw failure("a name cannot begin with '" + Character.toString(first) + "'", at);
    }
    add(kind, kind == Kind.NAME ? found : found.replace("_", ""), at);
    at = matcher.end();
    return true;
  }

  private void string(char quote) {
    int end = at + 1;
    while (end < text.length() && text.charAt(end) != quote) {
      end += text.charAt(end) == '\\' ? 2 : 1;
    }
    if (end >= text.length()) {
      throw failure("a string has no end", at);
    }
    add(Kind.STRING, unescaped(text.substring(at + 1, end)), at);
    at = end + 1;
  }

  private void operator(char c) {
    for (String operator : OPERATORS) {
      if (text.startsWith(operator, at)) {
        add(Kind.OPERATOR, operator, at);
        at += operator.length();
        return;
      }
    }
    if (SINGLE.indexOf(c) < 0) {
      throw failure("an unexpected '" + Character.toString(text.codePointAt(at)) + "'", at);
    }
    int bracket = "([{".indexOf(c);
    if (bracket >= 0) {
      open.push(")]}".charAt(bracket));
    } else if (")]}".indexOf(c) >= 0 && (open.isEmpty() || open.pop() != c)) {
      throw failure("an unexpected '" + c + "'", at);
    }
    add(Kind.OPERATOR, String.valueOf(c), at);
    at++;
  }

  private void add(Kind kind, String value, int from) {
    tokens.add(new Token(kind, value, from));
  }

  private TemplateException failure(String why, int place) {
    return new TemplateException(why).at(source.place(place));
  }

  /** What a string literal's inside stands for, by Python's {@code unicode-escape}. */
  private String unescaped(String literal) {
    StringBuilder value = new StringBuilder(literal.length());
    for (int i = 0; i < literal.length(); i++) {
      char c = literal.charAt(i);
      if (c != '\\' || i + 1 == literal.length()) {
        value.append(c);
        continue;
      }
      char escaped = literal.charAt(++i);
      int named = "abfnrtv\\'\"".indexOf(escaped);
      int digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : escaped == 'U' ? 8 : 0;
      if (named >= 0) {
        value.append("\u0007\b\f\n\r\t\u000B\\'\"".charAt(named));
      } else if (digits > 0) {
        value.appendCodePoint(hex(literal, i + 1, digits));
        i += digits;
      } else if (escaped >= '0' && escaped <= '7') {
        int end = i + 1;
        while (end < literal.length() && end < i + 3 && isOctal(literal.charAt(end))) {
          end++;
        }
        value.append((char) Integer.parseInt(literal.substring(i, end), 8));
        i = end - 1;
      } else if (escaped != '\n') {
        value.append(c).append(escaped);
      }
    }
    return value.toString();
  }

  private static boolean isOctal(char c) {
    return c >= '0' && c <= '7';
  }

  private int hex(String literal, int from, int digits) {
    int value = 0;
    for (int i = from; i < from + digits; i++) {
      int digit = i < literal.length() ? Character.digit(literal.charAt(i), 16) : -1;
      value = value << 4 | digit;
      if (digit < 0 || value > Character.MAX_CODE_POINT || value < 0) {
        throw failure("a string has an escape of no character", at);
      }
    }
    return value;
  }
}
