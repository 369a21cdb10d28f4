package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;
import static dev.baton.text.Vocabulary.refused;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

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
  /**
   * Splitting a token at each of its characters is quadratic; no known vocabulary comes near this.
   */
  private static final int MAX_TOKEN_CHARACTERS = 1024;

  private final int size;
  private final int unknownId;
  private final int[] byteIds = new int[256];
  private final MergeTable merges;

  /**
   * Symbols of single characters: token ids, from {@link #size} on characters that only occur
   * inside tokens, -1 for all others.
   */
  private final CharacterSymbols characters = new CharacterSymbols();

  SentencePiece(Vocabulary vocabulary) {
    size = vocabulary.size();
    unknownId = vocabulary.special().unknown();
    String[] texts = new String[size];
    Arrays.fill(byteIds, -1);
    for (int id = 0; id < size; id++) {
      Vocabulary.Token token = vocabulary.token(id);
      texts[id] = token.type().isPlain() ? token.text() : "";
      if (token.type() == TokenType.BYTE) {
        byteIds[byteOf(id, token)] = id;
      }
      if (texts[id].length() > MAX_TOKEN_CHARACTERS) {
        throw refused(
            "tokens", "token " + id + " is longer than " + MAX_TOKEN_CHARACTERS + " characters");
      }
    }
    boolean allBytes = Arrays.stream(byteIds).allMatch(id -> id >= 0);
    if (!allBytes && unknownId == Vocabulary.NONE) {
      throw refused("tokens", "there is neither a token for every byte nor an unknown token");
    }
    addCharacters(texts);
    merges = merges(texts, ranks(vocabulary));
  }

  private static int byteOf(int id, Vocabulary.Token token) {
    int named = TextModel.namedByte(token.text());
    if (named < 0) {
      throw refused(
          "tokens", "byte token " + id + " " + quoted(token.text()) + " is not <0x00> to <0xFF>");
    }
    return named;
  }

  /**
   * @param texts of the plain tokens, by id; empty for others
   */
  private void addCharacters(String[] texts) {
    for (int id = 0; id < size; id++) {
      if (CharacterSymbols.isOne(texts[id])) {
        characters.put(texts[id].codePointAt(0), id);
      }
    }
    int next = size;
    for (String text : texts) {
      for (int i = 0, codePoint; i < text.length(); i += Character.charCount(codePoint)) {
        codePoint = text.codePointAt(i);
        if (characters.of(codePoint) < 0) {
          characters.put(codePoint, next++);
        }
      }
    }
  }

  private MergeTable merges(String[] texts, int[] ranks) {
    TextIds ids = new TextIds(texts);
    int tokens = 0;
    for (int id = 0; id < size; id++) {
      if (!texts[id].isEmpty()) {
        ids.add(id);
        tokens++;
      }
    }
    MergeTable table = new MergeTable(2 * tokens);
    TextIds.Hashes parts = new TextIds.Hashes();
    for (int id = 0; id < size; id++) {
      if (texts[id].length() > 1) {
        addMerges(texts[id], id, ranks[id], parts, ids, table);
      }
    }
    return table;
  }

  /** Every way to put a token together from two symbols. */
  private void addMerges(
      String text, int id, int rank, TextIds.Hashes parts, TextIds ids, MergeTable table) {
    parts.of(text);
    for (int at = firstLength(text); at < text.length(); ) {
      int character = Character.charCount(text.codePointAt(at));
      int left =
          at == firstLength(text) ? characters.of(text.codePointAt(0)) : ids.find(parts, 0, at);
      boolean last = at + character == text.length();
      int right = last ? characters.of(text.codePointAt(at)) : ids.find(parts, at, text.length());
      if (left >= 0 && right >= 0) {
        table.put(left, right, rank, id);
      }
      at += character;
    }
  }

  private static int firstLength(String text) {
    return Character.charCount(text.codePointAt(0));
  }

  /** For each token, how many distinct scores are better than its own. */
  private static int[] ranks(Vocabulary vocabulary) {
    float[] scores = new float[vocabulary.size()];
    for (int id = 0; id < scores.length; id++) {
      // Adding zero makes -0 and 0 one score, as comparing them does.
      scores[id] = vocabulary.token(id).score() + 0.0f;
    }
    float[] distinct = scores.clone();
    Arrays.sort(distinct);
    int count = 0;
    for (float score : distinct) {
      if (count == 0 || distinct[count - 1] != score) {
        distinct[count++] = score;
      }
    }
    int[] ranks = new int[scores.length];
    for (int id = 0; id < ranks.length; id++) {
      ranks[id] = count - 1 - Arrays.binarySearch(distinct, 0, count, scores[id]);
    }
    return ranks;
  }

  @Override
  public void encode(String text, int from, int to, IdBuffer out) {
    characters.merge(
        new PairMerge(merges),
        text,
        from,
        to,
        (symbol, at) -> {
          if (symbol >= 0 && symbol < size) {
            out.add(symbol);
          } else {
            spellOut(text.codePointAt(at), out);
          }
        });
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
