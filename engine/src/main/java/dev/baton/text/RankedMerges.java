package dev.baton.text;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The merges that a vocabulary lists, over symbols: the ids of tokens and, from the vocabulary's
 * size on, texts of merges that are no tokens, as where a vocabulary was pruned. Filled by one
 * thread, then read by any.
 */
final class RankedMerges {
  private final Vocabulary vocabulary;
  private final TextIds ids;
  private final MergeTable table;
  private final Map<String, Integer> others = new HashMap<>();
  private final List<String> otherTexts = new ArrayList<>();

  /**
   * @param pairs as {@link Vocabulary.Scheme.RankedBytePairs} has them
   */
  RankedMerges(Vocabulary vocabulary, List<String> pairs) {
    this.vocabulary = vocabulary;
    String[] texts =
        vocabulary.tokens().stream().map(Vocabulary.Token::text).toArray(String[]::new);
    ids = new TextIds(texts);
    for (int id = 0; id < texts.length; id++) {
      ids.add(id);
    }
    TextIds.Hashes parts = new TextIds.Hashes();
    table = new MergeTable(pairs.size());
    for (int rank = 0; rank < pairs.size(); rank++) {
      parts.of(pairs.get(rank));
      add(parts, rank);
    }
  }

  /** What is no pair merges nothing, as in llama.cpp. */
  private void add(TextIds.Hashes parts, int rank) {
    String pair = parts.text();
    int space = pair.indexOf(' ', 1);
    if (space < 0 || space + 1 == pair.length()) {
      return;
    }
    int left = ids.find(parts, 0, space);
    int right = ids.find(parts, space + 1, pair.length());
    int merged = ids.findWithout(parts, space);
    // Plain text never becomes a control token, whatever the merges say.
    if (merged < 0 || vocabulary.token(merged).type().isPlain()) {
      table.put(
          left < 0 ? other(pair.substring(0, space)) : left,
          right < 0 ? other(pair.substring(space + 1)) : right,
          rank,
          merged < 0 ? other(pair.substring(0, space) + pair.substring(space + 1)) : merged);
    }
  }

  private int other(String text) {
    return others.computeIfAbsent(
        text,
        _ -> {
          otherTexts.add(text);
          return vocabulary.size() + others.size();
        });
  }

  MergeTable table() {
    return table;
  }

  /** A plain token, a text of a merge, or {@link TextIds#NONE}. */
  int symbolOf(String text) {
    TextIds.Hashes whole = new TextIds.Hashes();
    whole.of(text);
    return ids.find(whole, 0, text.length()) >= 0
        ? plainId(whole)
        : others.getOrDefault(text, TextIds.NONE);
  }

  /** The plain token that is the whole text, or {@link TextIds#NONE}; no two have the same. */
  int plainId(TextIds.Hashes of) {
    int id = ids.find(of, 0, of.text().length());
    return id >= 0 && vocabulary.token(id).type().isPlain() ? id : TextIds.NONE;
  }

  boolean isToken(int symbol) {
    return symbol >= 0 && symbol < vocabulary.size();
  }

  /** The texts of symbols that are no tokens, from the vocabulary's size on. */
  List<String> otherTexts() {
    return otherTexts;
  }
}
