package dev.baton.clusterfile;

import dev.baton.catalog.NearestName;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseError;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlPosition;
import org.tomlj.TomlTable;

/** A table of a TOML file that knows where it stands. Every complaint names file, line and key. */
public final class TomlSection {
  private final String file;
  private final TomlTable table;
  private final int line;

  private TomlSection(String file, TomlTable table, int line) {
    this.file = file;
    this.table = table;
    this.line = line;
  }

  /**
   * The whole of a file.
   *
   * @param file its name, for complaints
   * @throws IllegalArgumentException if the text is no TOML
   */
  public static TomlSection parse(String file, String text) {
    TomlParseResult result = Toml.parse(text);
    if (result.hasErrors()) {
      TomlParseError first = result.errors().getFirst();
      throw new IllegalArgumentException(
          place(file, first.position().line()) + "this is no TOML: " + first.getMessage(), first);
    }
    return new TomlSection(file, result, 1);
  }

  private static String place(String file, int line) {
    return file + " line " + line + ": ";
  }

  /**
   * Checks that nothing else stands here.
   *
   * @throws IllegalArgumentException if another key does, with what was meant perhaps
   */
  public void allowOnly(Set<String> keys) {
    for (String key : table.keySet()) {
      if (!keys.contains(key)) {
        String instead =
            NearestName.to(key, keys)
                .map(near -> "did you mean " + near + "?")
                .orElse("use " + String.join(", ", keys.stream().sorted().toList()));
        throw wrong(key, "nothing is called so, " + instead);
      }
    }
  }

  /** The tables of an array, {@code [[key]]}; none where there is no such key. */
  List<TomlSection> sections(String key) {
    Object value = value(key);
    if (value == null) {
      return List.of();
    }
    if (!(value instanceof TomlArray array)
        || !array.toList().stream().allMatch(TomlTable.class::isInstance)) {
      throw wrong(key, "write each as a [[" + key + "]] of its own");
    }
    List<TomlSection> sections = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      sections.add(new TomlSection(file, array.getTable(i), array.inputPositionOf(i).line()));
    }
    return sections;
  }

  /** The table {@code [key]}, if it stands here. */
  public Optional<TomlSection> section(String key) {
    Object value = value(key);
    if (value == null) {
      return Optional.empty();
    }
    if (!(value instanceof TomlTable inner)) {
      throw wrong(key, "write it as a table, [" + key + "]");
    }
    TomlPosition position = table.inputPositionOf(List.of(key));
    return Optional.of(new TomlSection(file, inner, position == null ? line : position.line()));
  }

  /** A text that is not blank, if it stands here. */
  public Optional<String> text(String key) {
    Object value = value(key);
    if (value == null) {
      return Optional.empty();
    }
    if (!(value instanceof String text) || text.isBlank()) {
      throw wrong(key, "this is a text in quotes, got " + value);
    }
    return Optional.of(text);
  }

  /** Texts, none where the key does not stand here. */
  public List<String> texts(String key) {
    Object value = value(key);
    if (value == null) {
      return List.of();
    }
    if (!(value instanceof TomlArray array)
        || !array.toList().stream().allMatch(String.class::isInstance)) {
      throw wrong(key, "these are texts in quotes, [\"a\", \"b\"], got " + value);
    }
    return array.toList().stream().map(Object::toString).toList();
  }

  /** A finite number above 0, if it stands here. */
  OptionalDouble positive(String key) {
    OptionalDouble number = number(key);
    if (number.isPresent() && !(number.getAsDouble() > 0)) {
      throw wrong(key, "this is a number above 0, got " + value(key));
    }
    return number;
  }

  /** A finite number from 0 on, if it stands here. */
  OptionalDouble notNegative(String key) {
    OptionalDouble number = number(key);
    if (number.isPresent() && !(number.getAsDouble() >= 0)) {
      throw wrong(key, "this is a number from 0 on, got " + value(key));
    }
    return number;
  }

  private OptionalDouble number(String key) {
    Object value = value(key);
    if (value == null) {
      return OptionalDouble.empty();
    }
    if (!(value instanceof Number number) || !Double.isFinite(number.doubleValue())) {
      throw wrong(key, "this is a number, got " + value);
    }
    return OptionalDouble.of(number.doubleValue());
  }

  private @Nullable Object value(String key) {
    return table.get(List.of(key));
  }

  /** Whether a key stands here. */
  public boolean has(String key) {
    return table.contains(List.of(key));
  }

  /** A complaint about a key; where the key is missing it names the line of the table. */
  public IllegalArgumentException wrong(String key, String what) {
    TomlPosition position = has(key) ? table.inputPositionOf(List.of(key)) : null;
    return new IllegalArgumentException(
        place(file, position == null ? line : position.line()) + key + ": " + what);
  }
}
