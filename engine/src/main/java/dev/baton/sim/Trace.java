package dev.baton.sim;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Requests that somebody's users sent, in the order of their arrival. Two published forms are read,
 * told apart by their first line:
 *
 * <ul>
 *   <li>Azure LLM inference traces: CSV with {@code TIMESTAMP,ContextTokens,GeneratedTokens}
 *   <li>Mooncake traces: a JSON object a line with {@code timestamp} (ms), {@code input_length},
 *       {@code output_length} and {@code hash_ids} (512-token prefix blocks)
 * </ul>
 *
 * @param requests at least one
 */
public record Trace(List<TraceRequest> requests) {
  /** Tokens of a prompt's block, as Mooncake hashes them. */
  public static final int BLOCK_TOKENS = 512;

  private static final String AZURE_COLUMNS = "TIMESTAMP,ContextTokens,GeneratedTokens";

  private static final DateTimeFormatter AZURE_TIME =
      new DateTimeFormatterBuilder()
          .append(DateTimeFormatter.ISO_LOCAL_DATE)
          .appendLiteral(' ')
          .append(DateTimeFormatter.ISO_LOCAL_TIME)
          .optionalStart()
          .appendOffset("+HH:MM", "+00:00")
          .toFormatter();

  public Trace {
    if (requests.isEmpty()) {
      throw new IllegalArgumentException("a trace has at least one request");
    }
    requests =
        requests.stream().sorted(Comparator.comparingDouble(TraceRequest::arrivalSeconds)).toList();
  }

  /** A line's request before it is known which one came first. */
  private record Line(double seconds, int promptTokens, int outputTokens, List<Integer> blocks) {}

  /** Makes a request of a line. */
  private interface Form {
    Line read(String text);
  }

  /**
   * Reads a trace.
   *
   * @param most lines that are read; what follows is not looked at
   * @throws IllegalArgumentException if it cannot be read or makes no sense, in one line with file
   *     and line
   */
  public static Trace read(Path file, int most) {
    try (BufferedReader text = Files.newBufferedReader(file)) {
      return read(file.toString(), text, most);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "cannot read the trace " + file + ", " + reason(e) + "; see: baton simulate --help", e);
    }
  }

  private static @Nullable String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "it does not exist";
      case AccessDeniedException _ -> "permission denied";
      case CharacterCodingException _ -> "it holds other bytes than UTF-8";
      default -> e.getMessage();
    };
  }

  private static Trace read(String file, BufferedReader text, int most) throws IOException {
    String first = text.readLine();
    boolean azure = AZURE_COLUMNS.equals(first == null ? "" : first.strip());
    if (first == null || !(azure || first.startsWith("{"))) {
      throw new IllegalArgumentException(
          file
              + " line 1: a trace begins with the columns "
              + AZURE_COLUMNS
              + " (Azure) or with a JSON object a line (Mooncake)");
    }
    LocalDateTime[] start = new LocalDateTime[1];
    Form form = azure ? line -> azure(line, start) : Trace::mooncake;
    List<Line> lines = new ArrayList<>();
    int number = azure ? 2 : 1;
    for (String line = azure ? text.readLine() : first;
        line != null && lines.size() < most;
        line = text.readLine(), number++) {
      if (!line.isBlank()) {
        lines.add(parse(file, number, line, form));
      }
    }
    if (lines.isEmpty()) {
      throw new IllegalArgumentException(file + " line " + number + ": no request is there");
    }
    double earliest = lines.stream().mapToDouble(Line::seconds).min().orElseThrow();
    return new Trace(
        lines.stream()
            .map(line ->
                new TraceRequest(
                    line.seconds - earliest, line.promptTokens, line.outputTokens, line.blocks))
            .toList());
  }

  private static Line parse(String file, int number, String text, Form form) {
    try {
      Line line = form.read(text);
      // Says what is wrong with it while the line's number is known.
      new TraceRequest(0, line.promptTokens, line.outputTokens, line.blocks);
      return line;
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(file + " line " + number + ": " + e.getMessage(), e);
    }
  }

  /**
   * @param start when the first request came, or null in it before that
   */
  private static Line azure(String text, @Nullable LocalDateTime[] start) {
    String[] values = text.strip().split(",", -1);
    if (values.length != 3) {
      throw new IllegalArgumentException("3 values are due, there are " + values.length);
    }
    LocalDateTime time;
    try {
      time = LocalDateTime.parse(values[0], AZURE_TIME);
    } catch (DateTimeParseException e) {
      throw new IllegalArgumentException(
          "TIMESTAMP is like 2023-11-16 18:17:03.98, got '" + values[0] + "'", e);
    }
    LocalDateTime first = start[0] == null ? time : start[0];
    start[0] = first;
    return new Line(
        Duration.between(first, time).toNanos() / 1e9,
        whole("ContextTokens", values[1]),
        whole("GeneratedTokens", values[2]),
        List.of());
  }

  private static int whole(String column, String value) {
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(column + " is a whole number, got '" + value + "'", e);
    }
  }

  private static Line mooncake(String text) {
    JsonNode object;
    try {
      object = JsonMapper.shared().readTree(text);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("this is no JSON object", e);
    }
    JsonNode ids = object.path("hash_ids");
    if (!ids.isArray()) {
      throw new IllegalArgumentException("hash_ids is a list of whole numbers");
    }
    List<Integer> blocks = new ArrayList<>(ids.size());
    for (JsonNode id : ids) {
      blocks.add(whole("hash_ids", id));
    }
    JsonNode time = object.path("timestamp");
    if (!time.isNumber()) {
      throw new IllegalArgumentException("timestamp is a number of milliseconds");
    }
    return new Line(
        time.doubleValue() / 1e3,
        whole("input_length", object.path("input_length")),
        whole("output_length", object.path("output_length")),
        blocks);
  }

  private static int whole(String key, JsonNode value) {
    if (!value.isInt()) {
      throw new IllegalArgumentException(
          key
              + " is a whole number, "
              + (value.isMissingNode() ? "it is missing" : "got " + value));
    }
    return value.intValue();
  }
}
