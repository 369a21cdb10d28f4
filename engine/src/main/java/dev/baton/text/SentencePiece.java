package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;
import static dev.baton.text.Vocabulary.refused;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * SentencePiece's pair merging: each character is a symbol, a space is written ▁, and of all
 * neighbours that together are a token the one of best score merges first, the leftmost of equals.
 * A character that no token holds becomes its bytes ({@code <0xNN>}) or, without those, the unknown
 * token. A literal ▁ in a text therefore comes back as a space.
 *
 * <p>Source: SentencePiece (Kudo and Richardson, 2018) as llama.cpp applies it to {@code
 * tokenizer.ggml.model} = {@code llama}.
 */
final class SentencePiece implements TextModel {
  static final char SPACE = '▁';

  /**
   * Splitting a token at each of its characters is quadratic; no known vocabulary comes near this.
   */
  private static final int MAX_TOKEN_CHARACTERS = 1024;

  private final int size;
  private final int unknownId;
  private final int[] byteIds = new int[256];
  private final MergeTable merges;

  /**
   * Symbols of single characters: token ids, and from {@link #size} on characters that only occur
   * inside tokens.
   */
  private final Map<Integer, Integer> characters = new HashMap<>();

  private final int[] basicPlane = new int[0x10000];

  SentencePiece(Vocabulary vocabulary) {
    size = vocabulary.size();
    unknownId = vocabulary.special().unknown();
    Map<String, Integer> ids = HashMap.newHashMap(size);
    Arrays.fill(byteIds, -1);
    for (int id = 0; id < size; id++) {
      Vocabulary.Token token = vocabulary.token(id);
      int named = TextModel.namedByte(token.text());
      if (token.type() == TokenType.BYTE && named < 0) {
        throw refused(
            "tokens", "byte token " + id + " " + quoted(token.text()) + " is not <0x00> to <0xFF>");
      }
      if (token.type() == TokenType.BYTE) {
        byteIds[named] = id;
      } else if (token.type().isPlain() && !token.text().isEmpty()) {
        ids.put(token.text(), id);
      }
    }
    boolean allBytes = Arrays.stream(byteIds).allMatch(id -> id >= 0);
    if (!allBytes && unknownId == Vocabulary.NONE) {
      throw refused("tokens", "there is neither a token for every byte nor an unknown token");
    }
    addCharacters(ids);
    merges = merges(vocabulary, ids);
    Arrays.fill(basicPlane, -1);
    characters.forEach((codePoint, symbol) -> {
      if (codePoint < basicPlane.length) {
        basicPlane[codePoint] = symbol;
      }
    });
  }

  private void addCharacters(Map<String, Integer> ids) {
    ids.forEach((text, id) -> {
      if (text.codePointCount(0, text.length()) == 1) {
        characters.put(text.codePointAt(0), id);
      }
    });
    int[] next = {size};
    for (String text : ids.keySet()) {
      text.codePoints().forEach(codePoint -> characters.computeIfAbsent(codePoint, _ -> next[0]++));
    }
  }

  private MergeTable merges(Vocabulary vocabulary, Map<String, Integer> ids) {
    int[] ranks = ranks(vocabulary);
    MergeTable table = new MergeTable(2 * ids.size());
    ids.forEach((text, id) -> {
      if (text.length() > MAX_TOKEN_CHARACTERS) {
        throw refused(
            "tokens", "token " + id + " is longer than " + MAX_TOKEN_CHARACTERS + " characters");
      }
      int at = Character.charCount(text.codePointAt(0));
      for (; at < text.length(); at += Character.charCount(text.codePointAt(at))) {
        Integer left = symbolOf(text, 0, at, ids);
        Integer right = symbolOf(text, at, text.length(), ids);
        if (left != null && right != null) {
          table.put(left, right, ranks[id], id);
        }
      }
    });
    return table;
  }

  private @Nullable Integer symbolOf(String text, int from, int to, Map<String, Integer> ids) {
    boolean single = text.offsetByCodePoints(from, 1) == to;
    return single ? characters.get(text.codePointAt(from)) : ids.get(text.substring(from, to));
  }

  /** For each token, how many distinct scores are better than its own. */
  private static int[] ranks(Vocabulary vocabulary) {
    // Adding zero makes -0 and 0 one score, as comparing them does.
    double[] scores =
        vocabulary.tokens().stream().mapToDouble(token -> token.score() + 0.0f).toArray();
    double[] distinct = Arrays.stream(scores).sorted().distinct().toArray();
    int[] ranks = new int[scores.length];
    for (int id = 0; id < ranks.length; id++) {
      ranks[id] = distinct.length - 1 - Arrays.binarySearch(distinct, scores[id]);
    }
    return ranks;
  }

  @Override
  public void encode(String text, int from, int to, IdBuffer out) {
    PairMerge merge = new PairMerge(merges);
    for (int i = from, codePoint; i < to; i += Character.charCount(codePoint)) {
      codePoint = text.codePointAt(i);
      merge.add(symbol(codePoint == ' ' ? SPACE : codePoint));
    }
    merge.merge();
    int at = from;
    int character = 0;
    for (int i = 0; i != PairMerge.END; i = merge.next(i)) {
      at = text.offsetByCodePoints(at, i - character);
      character = i;
      int symbol = merge.symbol(i);
      if (symbol >= 0 && symbol < size) {
        out.add(symbol);
      } else {
        spellOut(text.codePointAt(at), out);
      }
    }
  }

  private int symbol(int codePoint) {
    return codePoint < basicPlane.length
        ? basicPlane[codePoint]
        : characters.getOrDefault(codePoint, -1);
  }

  private void spellOut(int codePoint, IdBuffer out) {
    boolean[] lacking = new boolean[1];
    Utf8.encode(codePoint, b -> lacking[0] |= byteIds[b] < 0);
    if (lacking[0]) {
      out.add(unknownId);
    } else {
      Utf8.encode(codePoint, b -> out.add(byteIds[b]));
    }
  }

  @Override
  public byte[] bytesOf(Vocabulary.Token token) {
    return token.type() == TokenType.BYTE
        ? new byte[] {(byte) TextModel.namedByte(token.text())}
        : token.text().replace(SPACE, ' ').getBytes(StandardCharsets.UTF_8);
  }
}
