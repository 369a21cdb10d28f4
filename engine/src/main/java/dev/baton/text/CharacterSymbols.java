package dev.baton.text;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * The symbols that single characters are before neighbours merge, a space being written ▁. Filled
 * by one thread, then read by any.
 */
final class CharacterSymbols {
  /** Takes what is left when nothing merges any more. */
  interface Merged {
    /**
     * @param symbol as it was added, or what merges made of several; negative for a character that
     *     has none
     * @param at where its first character stands in the text
     */
    void symbol(int symbol, int at);
  }

  private final int[] basicPlane = new int[0x10000];
  private final Map<Integer, Integer> otherPlanes = new HashMap<>();

  CharacterSymbols() {
    Arrays.fill(basicPlane, TextIds.NONE);
  }

  void put(int codePoint, int symbol) {
    if (codePoint < basicPlane.length) {
      basicPlane[codePoint] = symbol;
    } else {
      otherPlanes.put(codePoint, symbol);
    }
  }

  /** The character's symbol, or {@link TextIds#NONE}. */
  int of(int codePoint) {
    return codePoint < basicPlane.length
        ? basicPlane[codePoint]
        : otherPlanes.getOrDefault(codePoint, TextIds.NONE);
  }

  /** Whether a text is one character. */
  static boolean isOne(String text) {
    return !text.isEmpty() && text.length() == Character.charCount(text.codePointAt(0));
  }

  /** Merges the characters [from, to) of a text. */
  void merge(PairMerge merge, String text, int from, int to, Merged out) {
    merge.clear();
    for (int i = from, codePoint; i < to; i += Character.charCount(codePoint)) {
      codePoint = text.codePointAt(i);
      merge.add(of(codePoint == ' ' ? TextModel.SPACE : codePoint));
    }
    merge.merge();
    int at = from;
    int character = 0;
    for (int i = 0; i != PairMerge.END; i = merge.next(i)) {
      at = text.offsetByCodePoints(at, i - character);
      character = i;
      out.symbol(merge.symbol(i), at);
    }
  }
}
