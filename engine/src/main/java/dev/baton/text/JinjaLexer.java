package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;

import java.util.ArrayList;
import java.util.List;

/**
 * Takes a chat template's text apart: what stands outside of tags, white space removed as {@code
 * trim_blocks} and {@code lstrip_blocks} do, and the words of each tag.
 *
 * <p>Source: the template designer documentation of Jinja 3.1, sections "Whitespace Control" and
 * "Literals".
 */
final class JinjaLexer {
  enum Kind {
    TEXT,
    /** <code>{{</code> */
    PRINT,
    /** <code>{%</code> */
    BLOCK,
    /** The end of either. */
    END,
    NAME,
    STRING,
    NUMBER,
    OPERATOR
  }

  record Token(Kind kind, String text) {}

  /** Longer ones first. */
  private static final List<String> OPERATORS =
      List.of(
          "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")",
          "[", "]", "{", "}", ",", ".", ":", "|");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private boolean atLineStart = true;

  private JinjaLexer(String source) {
    this.source = source.endsWith("\n") ? source.substring(0, source.length() - 1) : source;
  }

  /**
   * The tokens of a template.
   *
   * @throws JinjaException where a tag or a string does not end
   */
  static List<Token> tokens(String template) {
    JinjaLexer lexer = new JinjaLexer(template.replace("\r\n", "\n").replace('\r', '\n'));
    while (lexer.at < lexer.source.length()) {
      lexer.textAndTag();
    }
    return lexer.tokens;
  }

  private void textAndTag() {
    int tag = nextTag();
    String text = source.substring(at, tag);
    if (tag == source.length()) {
      addText(text);
      at = tag;
      return;
    }
    char kind = source.charAt(tag + 1);
    char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
    boolean signed = sign == '-' || sign == '+';
    if (sign == '-') {
      text = JinjaText.trimEnd(text);
    } else if (kind != '{' && sign != '+') {
      text = withoutIndent(text);
    }
    addText(text);
    at = tag + (signed ? 3 : 2);
    if (kind == '#') {
      comment();
    } else {
      tag(kind == '{' ? Kind.PRINT : Kind.BLOCK, kind == '{' ? "}}" : "%}");
    }
  }

  private int nextTag() {
    for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
      char next = i + 1 < source.length() ? source.charAt(i + 1) : ' ';
      if (next == '{' || next == '%' || next == '#') {
        return i;
      }
    }
    return source.length();
  }

  private void addText(String text) {
    if (!text.isEmpty()) {
      tokens.add(new Token(Kind.TEXT, text));
    }
  }

  /** {@code lstrip_blocks}: what stands before a tag on its line goes where it is white space. */
  private String withoutIndent(String text) {
    int line = text.lastIndexOf('\n') + 1;
    boolean starts = line > 0 || atLineStart;
    return starts && text.substring(line).isBlank() ? text.substring(0, line) : text;
  }

  private void comment() {
    int end = source.indexOf("#}", at);
    if (end < 0) {
      throw new JinjaException("has a comment that does not end");
    }
    boolean minus = end > at && source.charAt(end - 1) == '-';
    at = end + 2;
    afterTag(minus, true);
  }

  private void tag(Kind kind, String end) {
    tokens.add(new Token(kind, ""));
    int depth = 0;
    while (true) {
      while (at < source.length() && JinjaText.isSpace(source.charAt(at))) {
        at++;
      }
      if (at == source.length()) {
        throw new JinjaException("has a tag that does not end");
      }
      boolean signed = "-+".indexOf(source.charAt(at)) >= 0 && source.startsWith(end, at + 1);
      if (depth == 0 && (signed || source.startsWith(end, at))) {
        boolean minus = source.charAt(at) == '-';
        boolean plus = source.charAt(at) == '+';
        at += end.length() + (signed ? 1 : 0);
        tokens.add(new Token(Kind.END, ""));
        afterTag(minus, kind == Kind.BLOCK && !plus);
        return;
      }
      Token token = word();
      tokens.add(token);
      if (token.kind() == Kind.OPERATOR) {
        depth += "([{".contains(token.text()) ? 1 : ")]}".contains(token.text()) ? -1 : 0;
      }
    }
  }

  private void afterTag(boolean minus, boolean trimsNewline) {
    int from = at;
    if (minus) {
      while (at < source.length() && JinjaText.isSpace(source.charAt(at))) {
        at++;
      }
    } else if (trimsNewline && source.startsWith("\n", at)) {
      at++;
    }
    atLineStart = at > from && source.charAt(at - 1) == '\n';
  }

  private Token word() {
    char c = source.charAt(at);
    if (c == '"' || c == '\'') {
      return string(c);
    }
    int from = at;
    if (c >= '0' && c <= '9') {
      while (at < source.length() && isNumber(at)) {
        at++;
      }
      return new Token(Kind.NUMBER, source.substring(from, at));
    }
    if (Character.isLetter(c) || c == '_') {
      while (at < source.length()
          && (Character.isLetterOrDigit(source.charAt(at)) || source.charAt(at) == '_')) {
        at++;
      }
      return new Token(Kind.NAME, source.substring(from, at));
    }
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, at)) {
        at += operator.length();
        return new Token(Kind.OPERATOR, operator);
      }
    }
    throw new JinjaException("holds " + quoted(String.valueOf(c)) + " in a tag");
  }

  private boolean isNumber(int i) {
    char c = source.charAt(i);
    boolean point = c == '.' && i + 1 < source.length() && Character.isDigit(source.charAt(i + 1));
    return Character.isDigit(c) || point;
  }

  private Token string(char quote) {
    int from = ++at;
    while (at < source.length() && source.charAt(at) != quote) {
      at += source.charAt(at) == '\\' ? 2 : 1;
    }
    if (at >= source.length()) {
      throw new JinjaException("has a string that does not end");
    }
    return new Token(Kind.STRING, JinjaText.unescape(source.substring(from, at++)));
  }
}
