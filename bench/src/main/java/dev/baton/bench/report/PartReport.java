package dev.baton.bench.report;

import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What one part of the benchmark found.
 *
 * @param part its name
 * @param figures in the order to be read
 * @param notes lines that say how to read them
 * @param wrong why the figures count for nothing, or null when every result was right
 * @param unavailable why the part cannot be measured on this machine, or null
 */
public record PartReport(
    String part,
    List<Figure> figures,
    List<String> notes,
    @Nullable String wrong,
    @Nullable String unavailable) {
  public static PartReport measured(String part, List<Figure> figures, List<String> notes) {
    return new PartReport(part, List.copyOf(figures), List.copyOf(notes), null, null);
  }

  /** The same with one note more. */
  public PartReport withNote(String note) {
    return new PartReport(
        part, figures, Stream.concat(notes.stream(), Stream.of(note)).toList(), wrong, unavailable);
  }

  public static PartReport wrong(String part, String why) {
    return new PartReport(part, List.of(), List.of(), why, null);
  }

  public static PartReport unavailable(String part, String why) {
    return new PartReport(part, List.of(), List.of(), null, why);
  }
}
