package dev.baton.text;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds tokens that are spelled out in a text: the leftmost first, the longest of those. Immutable;
 * any thread.
 */
final class SpecialTokens {
  /** Those of Phi-3 that leave white space after them where it is. */
  private static final Set<String> LEAVING_SPACE = Set.of("<unk>", "<s>", "<|endoftext|>");

  private static final String ASCII_SPACE = " \t\n\u000B\f\r";

  /**
   * @param takesSpace whether white space after it is part of it
   */
  private record Named(String text, int id, boolean namedOnly, boolean takesSpace) {}

  private final BitSet firsts = new BitSet();
  private final Map<Character, List<Named>> byFirst = new HashMap<>();

  /**
   * @param named whether tokens that text may hold only where the caller asks for it are looked for
   *     too
   */
  SpecialTokens(Vocabulary vocabulary, boolean named) {
    boolean takesSpace = vocabulary.framing().takesSpaceAfterTokens();
    for (int id = 0; id < vocabulary.size(); id++) {
      Vocabulary.Token token = vocabulary.token(id);
      boolean wanted =
          token.type() == TokenType.USER_DEFINED || (named && token.type().isNamedOnly());
      if (wanted && !token.text().isEmpty()) {
        firsts.set(token.text().charAt(0));
        byFirst
            .computeIfAbsent(token.text().charAt(0), _ -> new ArrayList<>())
            .add(
                new Named(
                    token.text(),
                    id,
                    token.type().isNamedOnly(),
                    takesSpace && !LEAVING_SPACE.contains(token.text())));
      }
    }
    byFirst
        .values()
        .forEach(list -> list.sort(Comparator.comparingInt((Named each) -> -each.text().length())));
  }

  /** Takes the parts of a text, in order. */
  interface PartSink {
    /** {@code text[from, to)} holds none of the tokens; it is not empty. */
    void text(int from, int to);

    void token(int id);
  }

  /** Tells whether what a part of a text spells out may be a token that only steers the model. */
  interface MayBeNamed {
    boolean at(int from, int to);
  }

  void split(String text, PartSink sink) {
    split(text, (from, to) -> true, sink);
  }

  void split(String text, MayBeNamed mayBeNamed, PartSink sink) {
    int start = 0;
    int at = 0;
    while (at < text.length()) {
      Named found = firsts.get(text.charAt(at)) ? longestAt(text, at, mayBeNamed) : null;
      if (found == null) {
        at++;
        continue;
      }
      if (start < at) {
        sink.text(start, at);
      }
      sink.token(found.id());
      at += found.text().length();
      while (found.takesSpace() && at < text.length() && isSpace(text.charAt(at))) {
        at++;
      }
      start = at;
    }
    if (start < text.length()) {
      sink.text(start, text.length());
    }
  }

  private static boolean isSpace(char c) {
    return ASCII_SPACE.indexOf(c) >= 0;
  }

  private @Nullable Named longestAt(String text, int at, MayBeNamed mayBeNamed) {
    for (Named each : byFirst.getOrDefault(text.charAt(at), List.of())) {
      if (text.startsWith(each.text(), at)
          && (!each.namedOnly() || mayBeNamed.at(at, at + each.text().length()))) {
        return each;
      }
    }
    return null;
  }
}
