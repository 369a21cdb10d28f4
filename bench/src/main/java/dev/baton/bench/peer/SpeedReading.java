package dev.baton.bench.peer;

import dev.baton.bench.process.ChildProcess;
import dev.baton.bench.report.WrongResult;
import dev.baton.clusterfile.TomlSection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonPointer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Finds a speed, tokens a second, in what a command printed. */
sealed interface SpeedReading {
  /**
   * The reading that a table of an adapter tells of.
   *
   * @param checked looks at the placeholders of a text and gives it back
   * @throws IllegalArgumentException where it makes no sense, in one line
   */
  static SpeedReading of(TomlSection table, UnaryOperator<String> checked) {
    Optional<String> json = table.text("json");
    Optional<String> pattern = table.text("pattern");
    if (json.isPresent() == pattern.isPresent()) {
      throw table.wrong("json", "a speed is read by either a JSON pointer, json, or a pattern");
    }
    if (json.isPresent()) {
      return new ByPointer(
          pointer(table, "json", json.get()),
          table.texts("expect").stream()
              .map(text -> expectation(table, checked.apply(text)))
              .toList());
    }
    if (table.has("expect")) {
      throw table.wrong("expect", "only a JSON pointer's output can be held to something");
    }
    return new ByPattern(compiled(table, pattern.orElseThrow()));
  }

  private static JsonPointer pointer(TomlSection table, String key, String text) {
    try {
      return JsonPointer.compile(text);
    } catch (IllegalArgumentException e) {
      throw table.wrong(key, "'" + text + "' is no JSON pointer, such as /0/avg_ts");
    }
  }

  private static Expectation expectation(TomlSection table, String text) {
    int equals = text.indexOf('=');
    if (equals < 1) {
      throw table.wrong(
          "expect", "write a pointer and its value, /0/n_prompt={prompt}, got " + text);
    }
    return new Expectation(
        pointer(table, "expect", text.substring(0, equals)), text.substring(equals + 1));
  }

  private static Pattern compiled(TomlSection table, String text) {
    try {
      Pattern pattern = Pattern.compile(text);
      if (pattern.matcher("").groupCount() != 1) {
        throw table.wrong("pattern", "it has one group, ([0-9.]+), which is the speed");
      }
      return pattern;
    } catch (PatternSyntaxException e) {
      throw table.wrong("pattern", "this is no regular expression: " + e.getDescription());
    }
  }

  /**
   * The speed.
   *
   * @param filled puts the measurement's values in the place of placeholders
   * @throws WrongResult where there is none, or it is of something else
   */
  double tokensPerSecond(ChildProcess.Printed printed, UnaryOperator<String> filled);

  /** What has to stand in the JSON, a template. */
  record Expectation(JsonPointer at, String value) {}

  /** A place in JSON on stdout, before which other lines may stand. */
  record ByPointer(JsonPointer at, List<Expectation> expected) implements SpeedReading {
    @Override
    public double tokensPerSecond(ChildProcess.Printed printed, UnaryOperator<String> filled) {
      JsonNode json = json(printed.out());
      for (Expectation expectation : expected) {
        String wanted = filled.apply(expectation.value);
        JsonNode found = json.at(expectation.at);
        if (!found.isValueNode() || !found.asString().equals(wanted)) {
          throw new WrongResult(
              "it printed " + shown(found) + " at " + expectation.at + ", not " + wanted);
        }
      }
      JsonNode speed = json.at(at);
      if (!speed.isValueNode()) {
        throw new WrongResult("it printed no value at " + at);
      }
      return speed(speed.asString());
    }

    private static String shown(JsonNode node) {
      return node.isMissingNode() ? "nothing" : Peer.firstLine(node.toString());
    }

    private static JsonNode json(String out) {
      for (int at = 0; at >= 0; at = next(out, at)) {
        if (at < out.length() && (out.charAt(at) == '{' || out.charAt(at) == '[')) {
          try {
            return JsonMapper.shared().readTree(out.substring(at));
          } catch (JacksonException _) {
            // A line that looks like it; the JSON may come later.
          }
        }
      }
      throw new WrongResult("it printed no JSON but " + Peer.firstLine(out));
    }

    private static int next(String out, int at) {
      int end = out.indexOf('\n', at);
      return end < 0 ? -1 : end + 1;
    }
  }

  /** The only group of a pattern that fits once. */
  record ByPattern(Pattern pattern) implements SpeedReading {
    @Override
    public double tokensPerSecond(ChildProcess.Printed printed, UnaryOperator<String> filled) {
      List<MatchResult> found = new ArrayList<>(pattern.matcher(printed.out()).results().toList());
      if (found.isEmpty()) {
        found.addAll(pattern.matcher(printed.err()).results().toList());
      }
      if (found.size() != 1) {
        throw new WrongResult(
            "its pattern fits "
                + found.size()
                + " times, not once, in what it printed: "
                + Peer.firstLine(printed.out().isBlank() ? printed.err() : printed.out()));
      }
      return speed(String.valueOf(found.getFirst().group(1)));
    }
  }

  private static double speed(String text) {
    try {
      double speed = Double.parseDouble(text);
      if (speed > 0 && Double.isFinite(speed)) {
        return speed;
      }
    } catch (NumberFormatException _) {
      // Said below.
    }
    throw new WrongResult("it printed '" + text + "' where tokens a second should stand");
  }
}
