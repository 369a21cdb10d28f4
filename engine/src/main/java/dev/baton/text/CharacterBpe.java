package dev.baton.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;

/**
 * Byte-pair encoding of characters: each character is a symbol, a space is written ▁, and
 * neighbours merge by the vocabulary's list of pairs. What ends as no token becomes its bytes
 * ({@code <0xNN>}); a byte that has none is left out. A literal ▁ in a text therefore comes back as
 * a space.
 *
 * <p>Source: llama.cpp's {@code tokenizer.ggml.model} = {@code gemma4}.
 */
final class CharacterBpe implements TextModel {
  private final PreTokenizer preTokenizer;
  private final RankedMerges merges;
  private final int size;
  private final int[] byteIds = new int[256];
  private final CharacterSymbols characters = new CharacterSymbols();

  CharacterBpe(Vocabulary vocabulary, Vocabulary.Scheme.RankedBytePairs scheme) {
    preTokenizer = scheme.preTokenizer();
    merges = new RankedMerges(vocabulary, scheme.merges());
    size = vocabulary.size();
    Arrays.fill(byteIds, TextIds.NONE);
    for (int id = 0; id < size; id++) {
      Vocabulary.Token token = vocabulary.token(id);
      int named = token.type() == TokenType.BYTE ? TextModel.namedByte(token.text()) : -1;
      if (named >= 0) {
        byteIds[named] = id;
      }
      if (token.type().isPlain()) {
        addCharacter(token.text(), id);
      }
    }
    for (int other = 0; other < merges.otherTexts().size(); other++) {
      addCharacter(merges.otherTexts().get(other), size + other);
    }
  }

  private void addCharacter(String text, int symbol) {
    if (CharacterSymbols.isOne(text)) {
      characters.put(text.codePointAt(0), symbol);
    }
  }

  @Override
  public void encode(String text, int from, int to, IdBuffer out) {
    PairMerge merge = new PairMerge(merges.table());
    TextIds.Hashes word = new TextIds.Hashes();
    Set<PreTokenizerTable.Rule> rules = preTokenizer.rules();
    boolean wholeNewlines = rules.contains(PreTokenizerTable.Rule.WHOLE_NEWLINES);
    preTokenizer.split(
        text,
        from,
        to,
        (start, end) -> {
          if (wholeNewlines && text.charAt(start) == '\n') {
            word.of(text.substring(start, end));
            int whole = merges.plainId(word);
            if (whole >= 0) {
              out.add(whole);
              return;
            }
          }
          characters.merge(merge, text, start, end, (symbol, at) -> add(symbol, text, at, out));
        });
  }

  private void add(int symbol, String text, int at, IdBuffer out) {
    if (merges.isToken(symbol)) {
      out.add(symbol);
    } else if (symbol >= 0) {
      spellOut(merges.otherTexts().get(symbol - size), out);
    } else {
      spellOut(Character.toString(text.codePointAt(at)), out);
    }
  }

  /** ▁ that no token holds is spelled as such, as in llama.cpp. */
  private void spellOut(String text, IdBuffer out) {
    for (byte b : text.replace(' ', SPACE).getBytes(StandardCharsets.UTF_8)) {
      if (byteIds[b & 0xFF] >= 0) {
        out.add(byteIds[b & 0xFF]);
      }
    }
  }

  @Override
  public byte[] bytesOf(Vocabulary.Token token) {
    return switch (token.type()) {
      case BYTE -> {
        int named = TextModel.namedByte(token.text());
        yield named < 0 ? token.text().getBytes(StandardCharsets.UTF_8) : new byte[] {(byte) named};
      }
      case USER_DEFINED -> token.text().getBytes(StandardCharsets.UTF_8);
      default -> token.text().replace(SPACE, ' ').getBytes(StandardCharsets.UTF_8);
    };
  }
}
