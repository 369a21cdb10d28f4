package dev.baton.template;

/** Texts made as wide as asked for. */
final class Padding {
  private Padding() {}

  static Text centered(Text text, int width, String fill) {
    int missing = width - text.length();
    int left = missing <= 0 ? 0 : missing / 2 + (missing & width & 1);
    return padded(text, left, missing - left, fill);
  }

  static Text left(Text text, int width, String fill) {
    return padded(text, 0, width - text.length(), fill);
  }

  static Text right(Text text, int width, String fill) {
    return padded(text, width - text.length(), 0, fill);
  }

  /** With so many of {@code fill} before it and after it; none where that is less than one. */
  static Text padded(Text text, int before, int after, String fill) {
    if (before <= 0 && after <= 0) {
      return text;
    }
    return new TextBuilder()
        .repeat(Text.of(fill), before)
        .append(text)
        .repeat(Text.of(fill), after)
        .text()
        .asSafe(text.safe());
  }

  /** Zeros between a sign and the digits. */
  static Text zeros(Text text, int width) {
    boolean signed = text.chars().startsWith("-") || text.chars().startsWith("+");
    int sign = signed ? 1 : 0;
    return new TextBuilder()
        .append(text, 0, sign)
        .repeat(Text.of("0"), width - text.length())
        .append(text, sign, text.chars().length())
        .text()
        .asSafe(text.safe());
  }
}
