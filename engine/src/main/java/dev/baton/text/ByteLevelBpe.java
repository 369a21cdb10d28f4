package dev.baton.text;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Byte-level byte-pair encoding: text is split into words, and the UTF-8 bytes of each word merge
 * by the vocabulary's list of pairs. In the vocabulary each byte is spelled as a printable
 * character. A byte that the vocabulary has no token for is left out, as llama.cpp does. Merges may
 * go through texts that are no tokens, as where a vocabulary was pruned: a word that ends as one of
 * them is spelled in its bytes.
 *
 * <p>Source: the tokenizer of GPT-2 (Radford et al., 2019); the spelling of bytes is its {@code
 * bytes_to_unicode}.
 */
final class ByteLevelBpe implements TextModel {
  private static final char[] BYTE_SPELLING = byteSpelling();
  private static final Map<Character, Integer> BYTE_OF_SPELLING = byteOfSpelling();

  private final PreTokenizer preTokenizer;
  private final RankedMerges merges;
  private final int[] byteIds = new int[256];
  private final int size;

  /** Of the symbols that are no tokens. */
  private final List<int[]> spellings = new ArrayList<>();

  ByteLevelBpe(Vocabulary vocabulary, Vocabulary.Scheme.RankedBytePairs scheme) {
    preTokenizer = scheme.preTokenizer();
    size = vocabulary.size();
    merges = new RankedMerges(vocabulary, scheme.merges());
    for (int b = 0; b < byteIds.length; b++) {
      byteIds[b] = merges.symbolOf(String.valueOf(BYTE_SPELLING[b]));
    }
    for (String text : merges.otherTexts()) {
      spellings.add(
          text.chars()
              .map(c -> merges.symbolOf(String.valueOf((char) c)))
              .filter(merges::isToken)
              .toArray());
    }
  }

  @Override
  public void encode(String text, int from, int to, IdBuffer out) {
    PairMerge merge = new PairMerge(merges.table());
    TextIds.Hashes spelled = new TextIds.Hashes();
    boolean wholeWords = preTokenizer.rules().contains(PreTokenizerTable.Rule.WHOLE_WORDS);
    Utf8.ByteSink addByte = b -> merge.add(byteIds[b]);
    preTokenizer.split(
        text,
        from,
        to,
        (start, end) -> {
          if (wholeWords) {
            spelled.of(spelling(text, start, end));
            int whole = merges.plainId(spelled);
            if (whole >= 0) {
              out.add(whole);
              return;
            }
          }
          merge.clear();
          for (int i = start, codePoint; i < end; i += Character.charCount(codePoint)) {
            codePoint = text.codePointAt(i);
            Utf8.encode(codePoint, addByte);
          }
          merge.merge();
          emit(merge, out);
        });
  }

  /** A part of a text as the vocabulary spells it. */
  private static String spelling(String text, int from, int to) {
    StringBuilder spelling = new StringBuilder(2 * (to - from));
    for (int i = from, codePoint; i < to; i += Character.charCount(codePoint)) {
      codePoint = text.codePointAt(i);
      Utf8.encode(codePoint, b -> spelling.append(BYTE_SPELLING[b]));
    }
    return spelling.toString();
  }

  private void emit(PairMerge merge, IdBuffer out) {
    for (int i = 0; i != PairMerge.END; i = merge.next(i)) {
      int symbol = merge.symbol(i);
      if (symbol >= size) {
        for (int id : spellings.get(symbol - size)) {
          out.add(id);
        }
      } else if (symbol >= 0) {
        out.add(symbol);
      }
    }
  }

  @Override
  public byte[] bytesOf(Vocabulary.Token token) {
    String text = token.text();
    int named = token.type() == TokenType.BYTE ? TextModel.namedByte(text) : -1;
    if (named >= 0) {
      return new byte[] {(byte) named};
    }
    if (token.type() == TokenType.USER_DEFINED) {
      return text.getBytes(StandardCharsets.UTF_8);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(text.length());
    text.codePoints().forEach(codePoint -> unspell(codePoint, bytes));
    return bytes.toByteArray();
  }

  /** A character that spells no byte stands for itself. */
  private static void unspell(int codePoint, ByteArrayOutputStream bytes) {
    Integer spelled =
        Character.isBmpCodePoint(codePoint) ? BYTE_OF_SPELLING.get((char) codePoint) : null;
    if (spelled != null) {
      bytes.write(spelled);
    } else {
      Utf8.encode(codePoint, bytes::write);
    }
  }

  /**
   * Printable Latin-1 stands for itself; the other bytes, in order, are the characters from U+0100
   * on.
   */
  private static char[] byteSpelling() {
    char[] spelling = new char[256];
    char next = 0x100;
    for (int b = 0; b < spelling.length; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      spelling[b] = printable ? (char) b : next++;
    }
    return spelling;
  }

  private static Map<Character, Integer> byteOfSpelling() {
    Map<Character, Integer> bytes = HashMap.newHashMap(256);
    for (int b = 0; b < BYTE_SPELLING.length; b++) {
      bytes.put(BYTE_SPELLING[b], b);
    }
    return bytes;
  }
}
