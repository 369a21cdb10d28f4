package dev.baton.device;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A file of comma-separated values whose first line names the columns; values with commas stand in
 * double quotes. Every complaint names file and line. Immutable.
 */
public final class CsvTable {
  private final String file;
  private final List<String> columns;
  private final List<Row> rows;

  private CsvTable(String file, List<String> columns, List<List<String>> values) {
    this.file = file;
    this.columns = columns;
    List<Row> found = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      Row row = new Row(i + 2, values.get(i));
      if (row.values.size() != columns.size()) {
        throw row.wrong(columns.size() + " values are due, there are " + row.values.size());
      }
      found.add(row);
    }
    this.rows = List.copyOf(found);
  }

  /**
   * Reads one of this package's files.
   *
   * @throws IllegalArgumentException if it is no table
   */
  public static CsvTable resource(String file) {
    InputStream bytes = CsvTable.class.getResourceAsStream(file);
    if (bytes == null) {
      throw new IllegalStateException(file + " is missing from Baton's jar; build it again");
    }
    try (Reader text = new InputStreamReader(bytes, StandardCharsets.UTF_8)) {
      return read(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Reads a table.
   *
   * @param file its name, for complaints
   * @throws IllegalArgumentException if it is no table
   */
  public static CsvTable read(String file, Reader text) throws IOException {
    BufferedReader lines = new BufferedReader(text);
    List<List<String>> values = new ArrayList<>();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      values.add(split(line));
    }
    if (values.isEmpty()) {
      throw new IllegalArgumentException(file + " line 1: the names of the columns are missing");
    }
    return new CsvTable(file, values.getFirst(), values.subList(1, values.size()));
  }

  private static List<String> split(String line) {
    List<String> values = new ArrayList<>();
    StringBuilder value = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        values.add(value.toString());
        value.setLength(0);
      } else {
        value.append(c);
      }
    }
    values.add(value.toString());
    return values;
  }

  /** All lines after the first. */
  public List<Row> rows() {
    return rows;
  }

  /** One line. */
  public final class Row {
    private final int line;
    private final List<String> values;

    private Row(int line, List<String> values) {
      this.line = line;
      this.values = List.copyOf(values);
    }

    /** A value as it stands there. */
    public String text(String column) {
      int index = columns.indexOf(column);
      if (index < 0) {
        throw new IllegalArgumentException(file + " line 1: there is no column " + column);
      }
      return values.get(index);
    }

    /** A number that has to be there. */
    public double number(String column) {
      return optional(column)
          .orElseThrow(() -> wrong(column + " is a number, got '" + text(column) + "'"));
    }

    /** A number, or none where nothing stands. */
    public OptionalDouble optional(String column) {
      String value = text(column);
      if (value.isEmpty()) {
        return OptionalDouble.empty();
      }
      try {
        return OptionalDouble.of(Double.parseDouble(value));
      } catch (NumberFormatException e) {
        throw new WrongLine(place() + column + " is a number, got '" + value + "'", e);
      }
    }

    /** A whole number; {@code otherwise} where nothing stands. */
    public int whole(String column, int otherwise) {
      double value = optional(column).orElse(otherwise);
      if (value != Math.rint(value) || Math.abs(value) > Integer.MAX_VALUE) {
        throw wrong(column + " is a whole number, got '" + text(column) + "'");
      }
      return (int) value;
    }

    /** What can be made of this line; a complaint about that says where the line stands. */
    public <T> T as(Function<Row, T> make) {
      try {
        return make.apply(this);
      } catch (WrongLine e) {
        throw e;
      } catch (IllegalArgumentException e) {
        throw new WrongLine(place() + e.getMessage(), e);
      }
    }

    /** A complaint that says where this line stands. */
    public IllegalArgumentException wrong(String what) {
      return new WrongLine(place() + what, null);
    }

    private String place() {
      return file + " line " + line + ": ";
    }
  }

  /** Knows its line already. */
  private static final class WrongLine extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    WrongLine(String message, @Nullable Exception cause) {
      super(message, cause);
    }
  }
}
