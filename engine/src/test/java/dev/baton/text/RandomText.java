package dev.baton.text;

import java.util.List;
import java.util.SplittableRandom;

/** Texts put together at random from what tokenizers tell apart. */
final class RandomText {
  private static final List<String> PIECES =
      List.of(
          "'s",
          "'S",
          "'ll",
          "'Ll",
          "'VE",
          "'re",
          "'t",
          "'T",
          "'D",
          "'m",
          "'x",
          "'ſ",
          "''",
          "don't",
          "WE'LL",
          "Hello",
          "world",
          "camelCase",
          "HTTPServer",
          "ÉCOLE",
          "naïve",
          "Straße",
          "İstanbul",
          "ǅ",
          " ",
          " ",
          " ",
          "  ",
          "   ",
          "    ",
          "\t",
          "\n",
          "\n\n",
          "\r\n",
          "\r",
          " \n",
          "\n  ",
          "\u00A0",
          "\u0085",
          "\u2028",
          "\u3000",
          "\u200B",
          "\u200D",
          "\uFEFF",
          "0",
          "7",
          "12",
          "123",
          "1234",
          "3.14",
          "1,000,000",
          "½",
          "Ⅷ",
          "²",
          "٣٤٥",
          "१२३४",
          "𝟘𝟙",
          "中文",
          "人工智能",
          "日本語の",
          "カタカナ",
          "한국어",
          "ㄅㄆ",
          "、。",
          "，！",
          "「」",
          "㐀",
          "豈",
          "𠀀",
          "e\u0301",
          "\u0301",
          "\u0308\u0301",
          "हिन्दी",
          "ภาษาไทย",
          "العَرَبِيَّة",
          "עִברִית",
          "தமிழ்",
          "ខ្មែរ",
          "😀",
          "👩‍👩‍👧",
          "🏳️‍🌈",
          "🇩🇪",
          "👍🏽",
          "©",
          "™",
          "→",
          "∑",
          "€",
          "$",
          "+",
          "<=>",
          "^",
          "`",
          "|",
          "~",
          "!",
          "?!",
          "...",
          "…",
          "—",
          "“",
          "”",
          "(",
          ")",
          "[",
          "]",
          "{",
          "}",
          "/",
          "//",
          "\\",
          "_",
          "__",
          "#",
          "@",
          "&&",
          "*",
          "%",
          "-",
          "--",
          ":",
          ";",
          "=",
          "\"",
          "'",
          ",",
          ".",
          "<sentinel:12>",
          "IMGIMGABCZ",
          "\u0000",
          "\u0001",
          "\u001B[0m",
          "\u007F",
          "\uFFFD",
          "\uE000",
          "▁",
          "▁▁",
          "Ġ",
          "ª",
          "µ",
          "ʰ",
          "ﬁ",
          "Ａ",
          "ａ");

  /** What came with Unicode 16, in order. */
  private static final String NEW =
      "897 1B4E-1B4F 1B7F 1C89-1C8A 2427-2429 31E4-31E5 A7CB-A7CD A7DA-A7DC 105C0-105F3"
          + " 10D40-10D8F 10EC2-10EC4 10EFC 11380-113E2 116D0-116E3 11BC0-11BF9 11F5A 13460-143FA"
          + " 16100-16139 16D40-16D79 18CFF 1CC00-1CEB3 1E5D0-1E5FF 1F8B2-1F8C1 1FA89 1FA8F"
          + " 1FABE 1FAC6 1FADC 1FADF 1FAE9 1FBCB-1FBEF";

  private RandomText() {}

  /** Mostly what is in common use, with single characters from everywhere between. */
  static String of(SplittableRandom random) {
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(1, 24); i > 0; i--) {
      switch (random.nextInt(8)) {
        case 0 -> text.appendCodePoint(character(random));
        case 1 -> text.append((char) random.nextInt(0x20, 0x7F));
        case 2 -> {
          String piece = PIECES.get(random.nextInt(PIECES.size()));
          text.repeat(piece, random.nextInt(1, 6));
        }
        default -> text.append(PIECES.get(random.nextInt(PIECES.size())));
      }
    }
    return text.toString();
  }

  /** Characters from everywhere, common ones more often. */
  static String anything(SplittableRandom random) {
    StringBuilder text = new StringBuilder();
    int characters = random.nextInt(40);
    for (int i = 0; i < characters; i++) {
      int codePoint =
          switch (random.nextInt(5)) {
            case 0 -> "ab 'sS1\n\r\t".codePointAt(random.nextInt(10));
            case 1 -> random.nextInt(0x80);
            case 2 -> random.nextInt(0x3000);
            case 3 -> random.nextInt(0x10000);
            default -> random.nextInt(0x110000);
          };
      text.appendCodePoint(codePoint >= 0xD800 && codePoint < 0xE000 ? 'x' : codePoint);
    }
    return text.toString();
  }

  /** Any that llama.cpp's tables (Unicode 15) know as well as Java's. */
  private static int character(SplittableRandom random) {
    while (true) {
      int codePoint =
          switch (random.nextInt(4)) {
            case 0 -> random.nextInt(0x800);
            case 1 -> random.nextInt(0x10000);
            case 2 -> random.nextInt(0x10000, 0x20000);
            default -> random.nextInt(0x110000);
          };
      if (Character.getType(codePoint) != Character.SURROGATE && !isNew(codePoint)) {
        return codePoint;
      }
    }
  }

  private static boolean isNew(int codePoint) {
    for (String range : NEW.split(" ")) {
      String[] bounds = range.split("-");
      int last = Integer.parseInt(bounds[bounds.length - 1], 16);
      if (codePoint <= last) {
        return codePoint >= Integer.parseInt(bounds[0], 16);
      }
    }
    return false;
  }
}
