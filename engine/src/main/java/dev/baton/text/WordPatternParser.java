package dev.baton.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads what {@link WordPattern} says can be written. */
final class WordPatternParser {
  private final String pattern;
  private final Map<String, CharacterSet> sets;
  private int at;

  private WordPatternParser(String pattern, Map<String, CharacterSet> sets) {
    this.pattern = pattern;
    this.sets = sets;
  }

  /** A part of a pattern; sets are called by how they are written. */
  sealed interface Node {}

  /** From {@code min} to {@code max} characters of a set. */
  record Repeated(String set, int min, int max) implements Node {}

  /** One or more characters of a set, and nothing after them. */
  record ToTheEnd(String set) implements Node {}

  /** One to three characters of a set, so that of their run whole threes are left. */
  record UpToThrees(String set) implements Node {}

  /** The next character is of a set, or is not. */
  record Followed(String set, boolean negated) implements Node {}

  /** From {@code min} to {@code max} times one of several sequences. */
  record Grouped(List<List<Node>> alternatives, int min, int max) implements Node {}

  /**
   * The alternatives of a pattern, of which the first that matches counts.
   *
   * @param sets takes all that occur, by how they are written
   * @throws IllegalArgumentException with the place of what cannot be read
   */
  static List<List<Node>> parse(String pattern, Map<String, CharacterSet> sets) {
    WordPatternParser parser = new WordPatternParser(pattern, sets);
    List<List<Node>> alternatives = parser.alternatives();
    if (parser.at < pattern.length()) {
      throw parser.refused("a ')' too many");
    }
    return alternatives;
  }

  private List<List<Node>> alternatives() {
    List<List<Node>> alternatives = new ArrayList<>();
    List<Node> sequence = new ArrayList<>();
    while (at < pattern.length() && pattern.charAt(at) != ')') {
      if (take("|")) {
        alternatives.add(sequence);
        sequence = new ArrayList<>();
      } else {
        sequence.add(node());
      }
    }
    alternatives.add(sequence);
    return alternatives;
  }

  private Node node() {
    if (take("(?!")) {
      return followed(true);
    }
    if (take("(?=")) {
      return followed(false);
    }
    if (take("(?:")) {
      List<List<Node>> alternatives = alternatives();
      expect(")");
      int[] times = times();
      return new Grouped(alternatives, times[0], times[1]);
    }
    String set = set();
    if (take("{-3}")) {
      return new UpToThrees(set);
    }
    int[] times = times();
    if (take("$")) {
      if (times[0] != 1 || times[1] != Integer.MAX_VALUE) {
        throw refused("'$' after something else than '+'");
      }
      return new ToTheEnd(set);
    }
    return new Repeated(set, times[0], times[1]);
  }

  private Node followed(boolean negated) {
    String set = set();
    expect(")");
    return new Followed(set, negated);
  }

  private int[] times() {
    if (take("?")) {
      return new int[] {0, 1};
    }
    if (take("*")) {
      return new int[] {0, Integer.MAX_VALUE};
    }
    if (take("+")) {
      return new int[] {1, Integer.MAX_VALUE};
    }
    if (take("{")) {
      int end = pattern.indexOf('}', at);
      String[] bounds = pattern.substring(at, end).split(",", 2);
      at = end + 1;
      return new int[] {Integer.parseInt(bounds[0]), Integer.parseInt(bounds[bounds.length - 1])};
    }
    return new int[] {1, 1};
  }

  private String set() {
    int from = at;
    CharacterSet set = take("[") ? bracketed() : one();
    String written = pattern.substring(from, at);
    sets.putIfAbsent(written, set);
    return written;
  }

  private CharacterSet bracketed() {
    boolean negated = take("^");
    List<CharacterSet> parts = new ArrayList<>();
    @Nullable CharacterSet within = null;
    while (!take("]")) {
      if (take("&&[")) {
        within = bracketed();
      } else {
        CharacterSet part = one();
        if (part instanceof CharacterSet.Range range && at < pattern.length() - 1 && take("-")) {
          part = new CharacterSet.Range(range.first(), ((CharacterSet.Range) one()).last());
        }
        parts.add(part);
      }
    }
    CharacterSet set = new CharacterSet.Union(List.copyOf(parts));
    if (negated) {
      set = new CharacterSet.Not(set);
    }
    return within == null ? set : new CharacterSet.Both(set, within);
  }

  private CharacterSet one() {
    if (at == pattern.length()) {
      throw refused("nothing");
    }
    int codePoint = pattern.codePointAt(at);
    at += Character.charCount(codePoint);
    return codePoint == '\\' ? escaped() : new CharacterSet.Range(codePoint, codePoint);
  }

  private CharacterSet escaped() {
    char c = pattern.charAt(at++);
    return switch (c) {
      case 's' -> new CharacterSet.WhiteSpace();
      case 'S' -> new CharacterSet.Not(new CharacterSet.WhiteSpace());
      case 'p' -> new CharacterSet.Category(types(inBraces()));
      case 'x' -> {
        int codePoint = Integer.parseInt(inBraces(), 16);
        yield new CharacterSet.Range(codePoint, codePoint);
      }
      default -> {
        int meant = c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
        if (meant == c && Character.isLetterOrDigit(c)) {
          throw refused("'\\" + c + "'");
        }
        yield new CharacterSet.Range(meant, meant);
      }
    };
  }

  private String inBraces() {
    expect("{");
    int end = pattern.indexOf('}', at);
    String name = pattern.substring(at, end);
    at = end + 1;
    return name;
  }

  /** The general categories of a name, as bits. */
  private int types(String name) {
    return switch (name) {
      case "L" -> types("Lu") | types("Ll") | types("Lt") | types("Lm") | types("Lo");
      case "Lu" -> 1 << Character.UPPERCASE_LETTER;
      case "Ll" -> 1 << Character.LOWERCASE_LETTER;
      case "Lt" -> 1 << Character.TITLECASE_LETTER;
      case "Lm" -> 1 << Character.MODIFIER_LETTER;
      case "Lo" -> 1 << Character.OTHER_LETTER;
      case "M" ->
          1 << Character.NON_SPACING_MARK
              | 1 << Character.ENCLOSING_MARK
              | 1 << Character.COMBINING_SPACING_MARK;
      case "N" ->
          1 << Character.DECIMAL_DIGIT_NUMBER
              | 1 << Character.LETTER_NUMBER
              | 1 << Character.OTHER_NUMBER;
      case "P" ->
          1 << Character.CONNECTOR_PUNCTUATION
              | 1 << Character.DASH_PUNCTUATION
              | 1 << Character.START_PUNCTUATION
              | 1 << Character.END_PUNCTUATION
              | 1 << Character.INITIAL_QUOTE_PUNCTUATION
              | 1 << Character.FINAL_QUOTE_PUNCTUATION
              | 1 << Character.OTHER_PUNCTUATION;
      case "S" ->
          1 << Character.MATH_SYMBOL
              | 1 << Character.CURRENCY_SYMBOL
              | 1 << Character.MODIFIER_SYMBOL
              | 1 << Character.OTHER_SYMBOL;
      default -> throw refused("category " + name);
    };
  }

  private boolean take(String text) {
    boolean there = pattern.startsWith(text, at);
    at += there ? text.length() : 0;
    return there;
  }

  private void expect(String text) {
    if (!take(text)) {
      throw refused("no '" + text + "'");
    }
  }

  private IllegalArgumentException refused(String what) {
    return new IllegalArgumentException(what + " at " + at + " of the pattern " + pattern);
  }
}
