package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;
import static dev.baton.text.Vocabulary.refused;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Byte-level byte-pair encoding: text is split into words, and the UTF-8 bytes of each word merge
 * by the vocabulary's list of pairs. In the vocabulary each byte is spelled as a printable
 * character. A byte that the vocabulary has no token for is left out, as llama.cpp does.
 *
 * <p>Source: the tokenizer of GPT-2 (Radford et al., 2019); the spelling of bytes is its {@code
 * bytes_to_unicode}.
 */
final class ByteLevelBpe implements TextModel {
  private static final char[] BYTE_SPELLING = byteSpelling();
  private static final Map<Character, Integer> BYTE_OF_SPELLING = byteOfSpelling();

  private final PreTokenizer preTokenizer;
  private final MergeTable merges;
  private final int[] byteIds = new int[256];

  private final Vocabulary vocabulary;
  private final TextIds ids;

  ByteLevelBpe(Vocabulary vocabulary, Vocabulary.Scheme.RankedBytePairs scheme) {
    preTokenizer = scheme.preTokenizer();
    String[] texts =
        vocabulary.tokens().stream().map(Vocabulary.Token::text).toArray(String[]::new);
    this.vocabulary = vocabulary;
    ids = new TextIds(texts);
    for (int id = 0; id < texts.length; id++) {
      ids.add(id);
    }
    TextIds.Hashes parts = new TextIds.Hashes();
    merges = new MergeTable(scheme.merges().size());
    List<String> pairs = scheme.merges();
    for (int rank = 0; rank < pairs.size(); rank++) {
      parts.of(pairs.get(rank));
      addMerge(parts, rank);
    }
    for (int b = 0; b < byteIds.length; b++) {
      parts.of(String.valueOf(BYTE_SPELLING[b]));
      byteIds[b] = plainId(parts);
    }
  }

  /** The plain token that is the whole text, or {@link TextIds#NONE}; no two have the same. */
  private int plainId(TextIds.Hashes of) {
    int id = ids.find(of, 0, of.text().length());
    return id >= 0 && vocabulary.token(id).type().isPlain() ? id : TextIds.NONE;
  }

  private void addMerge(TextIds.Hashes parts, int rank) {
    String pair = parts.text();
    int space = pair.indexOf(' ', 1);
    if (space < 0 || space + 1 == pair.length()) {
      throw refused("merges", "merge " + rank + " " + quoted(pair) + " is no pair of tokens");
    }
    int left = ids.find(parts, 0, space);
    int right = ids.find(parts, space + 1, pair.length());
    int merged = ids.findWithout(parts, space);
    if (left < 0 || right < 0 || merged < 0) {
      String first = pair.substring(0, space);
      String second = pair.substring(space + 1);
      String lacking = left < 0 ? first : right < 0 ? second : first + second;
      throw refused(
          "merges",
          "merge "
              + rank
              + " "
              + quoted(pair)
              + " needs "
              + quoted(lacking)
              + ", which is no token");
    }
    // Plain text never becomes a control token, whatever the merges say.
    if (vocabulary.token(merged).type().isPlain()) {
      merges.put(left, right, rank, merged);
    }
  }

  @Override
  public void encode(String text, int from, int to, IdBuffer out) {
    PairMerge merge = new PairMerge(merges);
    TextIds.Hashes spelled = new TextIds.Hashes();
    Utf8.ByteSink addByte = b -> merge.add(byteIds[b]);
    preTokenizer.split(
        text,
        from,
        to,
        (start, end) -> {
          if (preTokenizer.takesWholeWords()) {
            spelled.of(spelling(text, start, end));
            int whole = plainId(spelled);
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

  private static void emit(PairMerge merge, IdBuffer out) {
    for (int i = 0; i != PairMerge.END; i = merge.next(i)) {
      if (merge.symbol(i) >= 0) {
        out.add(merge.symbol(i));
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
