package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;
import static dev.baton.text.Vocabulary.refused;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

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

  /** Ids by word, where the pre-tokenizer takes words whole. */
  private final @Nullable Map<String, Integer> words;

  ByteLevelBpe(Vocabulary vocabulary, Vocabulary.Scheme.RankedBytePairs scheme) {
    preTokenizer = scheme.preTokenizer();
    Map<String, Integer> ids = HashMap.newHashMap(vocabulary.size());
    for (int id = 0; id < vocabulary.size(); id++) {
      ids.put(vocabulary.token(id).text(), id);
    }
    merges = new MergeTable(scheme.merges().size());
    List<String> pairs = scheme.merges();
    for (int rank = 0; rank < pairs.size(); rank++) {
      addMerge(vocabulary, ids, pairs.get(rank), rank);
    }
    for (int b = 0; b < byteIds.length; b++) {
      Integer id = ids.get(String.valueOf(BYTE_SPELLING[b]));
      byteIds[b] = id != null && vocabulary.token(id).type().isPlain() ? id : -1;
    }
    words = preTokenizer.takesWholeWords() ? wholeWords(vocabulary) : null;
  }

  private void addMerge(Vocabulary vocabulary, Map<String, Integer> ids, String pair, int rank) {
    int space = pair.indexOf(' ', 1);
    if (space < 0 || space + 1 == pair.length()) {
      throw refused("merges", "merge " + rank + " " + quoted(pair) + " is no pair of tokens");
    }
    int left = idOf(ids, pair, pair.substring(0, space), rank);
    int right = idOf(ids, pair, pair.substring(space + 1), rank);
    int merged = idOf(ids, pair, pair.substring(0, space) + pair.substring(space + 1), rank);
    // Plain text never becomes a control token, whatever the merges say.
    if (vocabulary.token(merged).type().isPlain()) {
      merges.put(left, right, rank, merged);
    }
  }

  private static int idOf(Map<String, Integer> ids, String pair, String text, int rank) {
    Integer id = ids.get(text);
    if (id == null) {
      throw refused(
          "merges",
          "merge " + rank + " " + quoted(pair) + " needs " + quoted(text) + ", which is no token");
    }
    return id;
  }

  @Override
  public void encode(String text, int from, int to, IdBuffer out) {
    PairMerge merge = new PairMerge(merges);
    Utf8.ByteSink addByte = b -> merge.add(byteIds[b]);
    preTokenizer.split(
        text,
        from,
        to,
        (start, end) -> {
          Integer whole = words == null ? null : words.get(text.substring(start, end));
          if (whole != null) {
            out.add(whole);
            return;
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

  private Map<String, Integer> wholeWords(Vocabulary vocabulary) {
    Map<String, Integer> found = HashMap.newHashMap(vocabulary.size());
    for (int id = 0; id < vocabulary.size(); id++) {
      Vocabulary.Token token = vocabulary.token(id);
      if (token.type().isPlain()) {
        String word = asText(bytesOf(token));
        if (word != null) {
          found.putIfAbsent(word, id);
        }
      }
    }
    return found;
  }

  private static @Nullable String asText(byte[] bytes) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException partOfACharacter) {
      return null;
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
