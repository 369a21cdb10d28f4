package dev.baton.bench.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A benchmark's result as it lies in a file: where it comes from, its figures, and all else that
 * the benchmark has to say. The form is told of in bench/README.md.
 *
 * @param schema {@value #SCHEMA}
 * @param benchmark which one: {@code split}, {@code micro}
 * @param complete false where it was ended before its end
 * @param provenance where it comes from
 * @param figures what a later result is compared by
 * @param detail the benchmark's own, or null
 */
public record BenchResult(
    String schema,
    String benchmark,
    boolean complete,
    Provenance provenance,
    List<ResultFigure> figures,
    @Nullable JsonNode detail) {
  /** This form, and its version. */
  public static final String SCHEMA = "baton-bench/1";

  public BenchResult {
    if (!SCHEMA.equals(schema)) {
      throw new IllegalArgumentException("its schema is '" + schema + "', not '" + SCHEMA + "'");
    }
    if (benchmark == null || provenance == null || figures == null) {
      throw new IllegalArgumentException("it lacks its benchmark, provenance or figures");
    }
    figures = List.copyOf(figures);
    Set<String> names = new HashSet<>();
    for (ResultFigure figure : figures) {
      if (!names.add(figure.name())) {
        throw new IllegalArgumentException("it has '" + figure.name() + "' twice");
      }
    }
  }

  /**
   * Of this version's form.
   *
   * @param detail anything that Jackson writes
   */
  public static BenchResult of(
      String benchmark,
      boolean complete,
      Provenance provenance,
      List<ResultFigure> figures,
      @Nullable Object detail) {
    JsonNode tree = detail == null ? null : JsonMapper.shared().valueToTree(detail);
    return new BenchResult(SCHEMA, benchmark, complete, provenance, figures, tree);
  }

  /** As JSON, over several lines. */
  public String json() {
    return JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(this) + "\n";
  }

  /**
   * Reads a result.
   *
   * @throws IllegalArgumentException when there is none, with one line that says why
   */
  public static BenchResult read(Path file) {
    try {
      return JsonMapper.shared()
          .readValue(Files.readString(file, StandardCharsets.UTF_8), BenchResult.class);
    } catch (IOException e) {
      throw new IllegalArgumentException(file + " cannot be read: " + reason(e), e);
    } catch (JacksonException e) {
      Throwable cause = e.getCause() instanceof IllegalArgumentException own ? own : null;
      String why = cause == null ? e.getOriginalMessage() : cause.getMessage();
      throw new IllegalArgumentException(
          file + " is no result of 'baton bench' (" + SCHEMA + "): " + firstLine(why), e);
    }
  }

  private static String reason(IOException e) {
    return e instanceof java.nio.file.NoSuchFileException ? "there is no such file" : e.toString();
  }

  private static String firstLine(@Nullable String text) {
    return text == null ? "it is damaged" : text.lines().findFirst().orElse("it is damaged");
  }
}
