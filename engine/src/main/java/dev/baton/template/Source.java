package dev.baton.template;

import java.util.regex.Pattern;

/** A template's text as jinja2 reads it: lines end in {@code \n}, and the last one does not. */
record Source(String text) {
  private static final Pattern LINE_END = Pattern.compile("\r\n?");

  static Source of(String text) {
    String lines = LINE_END.matcher(text).replaceAll("\n");
    return new Source(lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines);
  }

  /** A place in it, for people. */
  String place(int at) {
    int end = Math.min(at, text.length());
    long line = 1 + text.substring(0, end).chars().filter(c -> c == '\n').count();
    int column = end - (text.lastIndexOf('\n', end - 1) + 1) + 1;
    return "line " + line + ", column " + column;
  }
}
