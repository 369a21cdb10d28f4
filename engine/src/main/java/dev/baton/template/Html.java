package dev.baton.template;

/** What HTML takes for more than text. */
final class Html {
  private Html() {}

  /** The text escaped as {@code markupsafe} does, and so safe. */
  static Text escape(Text text) {
    if (text.safe()) {
      return text;
    }
    TextBuilder escaped = new TextBuilder();
    for (int i = 0; i < text.chars().length(); i++) {
      boolean marked = text.isMarkedAt(i);
      switch (text.chars().charAt(i)) {
        case '&' -> escaped.append("&amp;", marked);
        case '<' -> escaped.append("&lt;", marked);
        case '>' -> escaped.append("&gt;", marked);
        case '\'' -> escaped.append("&#39;", marked);
        case '"' -> escaped.append("&#34;", marked);
        default -> escaped.append(text, i, i + 1);
      }
    }
    return escaped.text().asSafe(true);
  }
}
