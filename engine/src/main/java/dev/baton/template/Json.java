package dev.baton.template;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code tojson} as {@code transformers} has it: Python's {@code json.dumps}.
 *
 * @param indent what each level begins with, or null for one line
 */
record Json(
    boolean ensureAscii,
    @Nullable Text indent,
    Text itemSeparator,
    Text keySeparator,
    boolean sortKeys) {
  private static final int MOST_DEPTH = 200;

  static Text of(Object value, Arguments arguments) {
    Arguments.Bound given =
        arguments.bind("tojson", "ensure_ascii=", "indent=", "separators=", "sort_keys=");
    Text indent = null;
    if (given.isGiven(1)) {
      Object by = given.get(1);
      indent =
          by instanceof Text text
              ? text
              : new TextBuilder().repeat(Text.of(" "), Values.index(by)).text();
    }
    Text item = Text.of(indent == null ? ", " : ",");
    Text key = Text.of(": ");
    if (given.isGiven(2)) {
      List<Object> separators = Values.list(given.get(2));
      if (separators.size() != 2) {
        throw new TemplateException("tojson takes two separators");
      }
      item = Values.text(separators.get(0), "a separator");
      key = Values.text(separators.get(1), "a separator");
    }
    TextBuilder out = new TextBuilder();
    new Json(given.truth(0), indent, item, key, given.truth(3)).write(value, out, 0);
    return out.text();
  }

  private void write(Object value, TextBuilder out, int depth) {
    if (depth > MOST_DEPTH) {
      throw new TemplateException("writes JSON that is nested too deep");
    }
    switch (value) {
      case None _ -> out.append("null");
      case Boolean truth -> out.append(truth ? "true" : "false");
      case Double real -> out.append(real(real));
      case Text text -> string(text, out);
      case Sequence sequence -> {
        String opening = "[";
        for (Object item : sequence.items()) {
          begin(opening, out, depth);
          write(item, out, depth + 1);
          opening = "";
        }
        end(sequence.size() == 0, "[", "]", out, depth);
      }
      case Dict dict -> object(dict, out, depth);
      default -> {
        if (!Numbers.isNumber(value)) {
          throw new TemplateException(
              "Object of type " + Values.typeName(value) + " is not JSON serializable");
        }
        out.append(Numbers.text(value));
      }
    }
  }

  private void object(Dict dict, TextBuilder out, int depth) {
    List<Object> items = dict.items();
    if (sortKeys) {
      items = new ArrayList<>(items);
      items.sort((left, right) -> Values.compare(key(left), key(right), "<"));
    }
    String opening = "{";
    Iterator<Object> each = items.iterator();
    while (each.hasNext()) {
      Sequence item = (Sequence) each.next();
      begin(opening, out, depth);
      string(name(item.items().get(0)), out);
      out.append(keySeparator);
      write(item.items().get(1), out, depth + 1);
      opening = "";
    }
    end(dict.size() == 0, "{", "}", out, depth);
  }

  private static Object key(Object item) {
    return ((Sequence) item).items().get(0);
  }

  private static Text name(Object key) {
    return switch (key) {
      case Text text -> text;
      case None _ -> Text.of("null");
      case Boolean truth -> Text.of(truth ? "true" : "false");
      case Double number -> Text.of(real(number));
      default -> {
        if (!Numbers.isNumber(key)) {
          throw new TemplateException(
              "keys must be str, int, float, bool or None, not " + Values.typeName(key));
        }
        yield Text.of(Numbers.text(key));
      }
    };
  }

  private static String real(double number) {
    return Double.isNaN(number)
        ? "NaN"
        : Double.isInfinite(number)
            ? (number < 0 ? "-Infinity" : "Infinity")
            : Numbers.text(number);
  }

  private void begin(String opening, TextBuilder out, int depth) {
    if (opening.isEmpty()) {
      out.append(itemSeparator);
    } else {
      out.append(opening);
    }
    newLine(out, depth + 1);
  }

  private void end(boolean isEmpty, String opening, String closing, TextBuilder out, int depth) {
    if (isEmpty) {
      out.append(opening);
    } else {
      newLine(out, depth);
    }
    out.append(closing);
  }

  private void newLine(TextBuilder out, int depth) {
    if (indent != null) {
      out.append("\n").repeat(indent, depth);
    }
  }

  private void string(Text text, TextBuilder out) {
    out.append("\"");
    String chars = text.chars();
    for (int at = 0; at < chars.length(); at++) {
      char c = chars.charAt(at);
      String escape =
          switch (c) {
            case '"' -> "\\\"";
            case '\\' -> "\\\\";
            case '\n' -> "\\n";
            case '\r' -> "\\r";
            case '\t' -> "\\t";
            case '\f' -> "\\f";
            case '\b' -> "\\b";
            default -> c < ' ' || (ensureAscii && c > '~') ? "\\u%04x".formatted((int) c) : "";
          };
      if (escape.isEmpty()) {
        out.append(text, at, at + 1);
      } else {
        out.append(escape, text.isMarkedAt(at));
      }
    }
    out.append("\"");
  }
}
