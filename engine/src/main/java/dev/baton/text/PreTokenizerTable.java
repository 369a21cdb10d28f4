package dev.baton.text;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** The ways of splitting text that files name, from {@code pre-tokenizers.txt}, which explains. */
final class PreTokenizerTable {
  private static final String FILE = "pre-tokenizers.txt";
  private static final List<Entry> ENTRIES = read();

  private PreTokenizerTable() {}

  /** What a vocabulary does besides splitting. */
  enum Rule {
    /** A word that is a token is taken whole, even if no merges lead to it. */
    WHOLE_WORDS,
    /** The same for words of nothing but newlines. */
    WHOLE_NEWLINES,
    /** A BOS goes first where the file does not say. */
    BOS,
    /** A BOS goes first whatever the file says. */
    ALWAYS_BOS,
    /** Characters merge instead of bytes, and a space is written ▁. */
    CHARACTERS
  }

  /**
   * @param names as in {@code tokenizer.ggml.pre}, the first its own
   * @param patterns in their order
   */
  record Entry(List<String> names, Set<Rule> rules, List<String> patterns) {}

  static List<Entry> entries() {
    return ENTRIES;
  }

  private static List<Entry> read() {
    Map<String, String> defined = new HashMap<>();
    List<Entry> entries = new ArrayList<>();
    for (String line : lines()) {
      String[] parts = line.split(" ", 2);
      switch (parts[0]) {
        case "", "#" -> {}
        case "define" -> {
          String[] definition = parts[1].split(" ", 2);
          defined.put("@" + definition[0] + "@", replaced(definition[1], defined));
        }
        case "names" -> {
          List<String> names = List.of(parts[1].strip().split(" "));
          entries.add(new Entry(names, EnumSet.noneOf(Rule.class), new ArrayList<>()));
        }
        case "rules" -> {
          for (String rule : parts[1].split(" ")) {
            entries
                .getLast()
                .rules()
                .add(Rule.valueOf(rule.toUpperCase(Locale.ROOT).replace('-', '_')));
          }
        }
        case "split" -> entries.getLast().patterns().add(replaced(parts[1], defined));
        default -> throw new IllegalStateException(FILE + ": " + line);
      }
    }
    return entries.stream()
        .map(each -> new Entry(each.names, Set.copyOf(each.rules), List.copyOf(each.patterns)))
        .toList();
  }

  private static String replaced(String pattern, Map<String, String> defined) {
    String replaced = pattern;
    for (Map.Entry<String, String> each : defined.entrySet()) {
      replaced = replaced.replace(each.getKey(), each.getValue());
    }
    return replaced;
  }

  private static List<String> lines() {
    try (InputStream in =
        Objects.requireNonNull(PreTokenizerTable.class.getResourceAsStream(FILE), FILE)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
