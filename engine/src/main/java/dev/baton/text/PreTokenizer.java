package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.gguf.GgufException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * How byte-pair encoding splits text into the words inside which symbols merge ({@code
 * tokenizer.ggml.pre}): a list of patterns, each of which splits what the one before left. {@link
 * PreTokenizerTable} knows them by name. Immutable; any thread; time is linear in the text.
 */
public final class PreTokenizer {
  private static final ConcurrentHashMap<String, PreTokenizer> MADE = new ConcurrentHashMap<>();

  private final PreTokenizerTable.Entry entry;
  private final CharacterClasses classes;
  private final WordPattern[] patterns;

  private PreTokenizer(PreTokenizerTable.Entry entry) {
    this.entry = entry;
    Map<String, CharacterSet> sets = new LinkedHashMap<>();
    List<List<List<WordPatternParser.Node>>> parsed = new ArrayList<>();
    for (String pattern : entry.patterns()) {
      parsed.add(WordPatternParser.parse(pattern, sets));
    }
    classes = new CharacterClasses(sets);
    patterns = new WordPattern[parsed.size()];
    for (int i = 0; i < patterns.length; i++) {
      patterns[i] = new WordPattern(parsed.get(i), classes);
    }
  }

  /** Takes the words of a text, in order. */
  @FunctionalInterface
  interface WordSink {
    /** The word is {@code text.substring(from, to)}. */
    void word(int from, int to);
  }

  /**
   * @param name as in {@code tokenizer.ggml.pre}
   * @throws GgufException for a name that is not known, with those that are
   */
  public static PreTokenizer named(String name) {
    List<PreTokenizerTable.Entry> entries = PreTokenizerTable.entries();
    for (PreTokenizerTable.Entry each : entries) {
      if (each.names().contains(name)) {
        return MADE.computeIfAbsent(each.names().getFirst(), _ -> new PreTokenizer(each));
      }
    }
    String known =
        entries.stream().flatMap(each -> each.names().stream()).collect(Collectors.joining(", "));
    throw new GgufException(
        "metadata 'tokenizer.ggml.pre': pre-tokenizer "
            + quoted(name)
            + " is not supported; Baton knows "
            + known);
  }

  /** What else holds for the vocabularies that are split this way. */
  Set<PreTokenizerTable.Rule> rules() {
    return entry.rules();
  }

  @Override
  public String toString() {
    return entry.names().getFirst();
  }

  /** Splits {@code text[from, to)}, which holds whole characters, into words without gaps. */
  void split(String text, int from, int to, WordSink sink) {
    WordPattern.Text whole = new WordPattern.Text(classes.of(text, from, to));
    split(0, whole, 0, to - from, (start, end) -> sink.word(from + start, from + end));
  }

  private void split(int pass, WordPattern.Text text, int from, int to, WordSink sink) {
    if (pass == patterns.length) {
      sink.word(from, to);
      return;
    }
    WordPattern pattern = patterns[pass];
    text.part(from, to);
    int gap = from;
    int at = from;
    while (at < to) {
      int end = pattern.end(text, at);
      if (end == WordPattern.NO_MATCH) {
        at = text.after(at);
        continue;
      }
      if (gap < at) {
        split(pass + 1, text, gap, at, sink);
      }
      split(pass + 1, text, at, end, sink);
      text.part(from, to);
      gap = end;
      at = end;
    }
    if (gap < to) {
      split(pass + 1, text, gap, to, sink);
    }
  }
}
