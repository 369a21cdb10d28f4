package dev.baton.text;

/** UTF-8 of single characters, and strings that have one. */
final class Utf8 {
  private static final char REPLACEMENT = '\uFFFD';

  private Utf8() {}

  /** Takes bytes. */
  @FunctionalInterface
  interface ByteSink {
    /** A byte, 0 to 255. */
    void accept(int unsignedByte);
  }

  static void encode(int codePoint, ByteSink sink) {
    if (codePoint < 0x80) {
      sink.accept(codePoint);
      return;
    }
    if (codePoint < 0x800) {
      sink.accept(0xC0 | (codePoint >> 6));
    } else {
      if (codePoint < 0x10000) {
        sink.accept(0xE0 | (codePoint >> 12));
      } else {
        sink.accept(0xF0 | (codePoint >> 18));
        sink.accept(continuation(codePoint >> 12));
      }
      sink.accept(continuation(codePoint >> 6));
    }
    sink.accept(continuation(codePoint));
  }

  private static int continuation(int bits) {
    return 0x80 | (bits & 0x3F);
  }

  /** {@code text} with U+FFFD for each surrogate that has lost its other half. */
  static String withoutUnpairedSurrogates(String text) {
    StringBuilder mended = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!Character.isSurrogate(c)) {
        continue;
      }
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
        continue;
      }
      if (mended == null) {
        mended = new StringBuilder(text);
      }
      mended.setCharAt(i, REPLACEMENT);
    }
    return mended == null ? text : mended.toString();
  }
}
