package dev.baton.template;

import java.util.Iterator;
import java.util.List;

/** Python's {@code str()} and {@code repr()}. */
final class Shown {
  private static final int MOST_DEPTH = 200;

  private Shown() {}

  static Text str(Object value) {
    return switch (value) {
      case Text text -> text.asSafe(false);
      case Undefined _ -> Text.EMPTY;
      default -> repr(value);
    };
  }

  static Text repr(Object value) {
    TextBuilder out = new TextBuilder();
    repr(value, out, 0);
    return out.text();
  }

  private static void repr(Object value, TextBuilder out, int depth) {
    if (depth > MOST_DEPTH) {
      throw new TemplateException("writes a value that is nested too deep");
    }
    switch (value) {
      case Text text -> quoted(text, out);
      case None _ -> out.append("None");
      case Undefined _ -> out.append("Undefined");
      case Sequence sequence -> {
        out.append(sequence.isTuple() ? "(" : "[");
        items(sequence.items(), out, depth);
        boolean single = sequence.isTuple() && sequence.size() == 1;
        out.append(single ? ",)" : sequence.isTuple() ? ")" : "]");
      }
      case Dict dict -> dict(dict, out, depth);
      case Dict.View view -> {
        out.append(Values.typeName(view)).append("([");
        items(view.list(), out, depth);
        out.append("])");
      }
      case Range(long start, long stop, long step) ->
          out.append("range(" + start + ", " + stop + (step == 1 ? "" : ", " + step) + ")");
      case Namespace(Dict attributes) -> {
        out.append("<Namespace ");
        dict(attributes, out, depth);
        out.append(">");
      }
      case Function function -> out.append(function.shown());
      case Macro macro -> out.append("<Macro ").append(macro.shownName()).append(">");
      case Loop loop -> out.append("<LoopContext " + loop.index() + "/" + loop.length() + ">");
      case OneShot once -> out.append("<" + once.typeName() + " object>");
      default -> out.append(Numbers.isNumber(value) ? Numbers.text(value) : "<object>");
    }
  }

  private static void items(List<Object> items, TextBuilder out, int depth) {
    String separator = "";
    for (Object item : items) {
      out.append(separator);
      repr(item, out, depth + 1);
      separator = ", ";
    }
  }

  private static void dict(Dict dict, TextBuilder out, int depth) {
    String separator = "{";
    Iterator<Object> values = dict.values().iterator();
    for (Object key : dict.keys()) {
      out.append(separator);
      repr(key, out, depth + 1);
      out.append(": ");
      repr(values.next(), out, depth + 1);
      separator = ", ";
    }
    out.append(dict.size() == 0 ? "{}" : "}");
  }

  private static void quoted(Text text, TextBuilder out) {
    String chars = text.chars();
    char quote = chars.indexOf('\'') >= 0 && chars.indexOf('"') < 0 ? '"' : '\'';
    out.append((text.safe() ? "Markup(" : "") + quote);
    for (int at = 0; at < chars.length(); ) {
      int code = chars.codePointAt(at);
      boolean marked = text.isMarkedAt(at);
      switch (code) {
        case '\n' -> out.append("\\n", marked);
        case '\r' -> out.append("\\r", marked);
        case '\t' -> out.append("\\t", marked);
        case '\\' -> out.append("\\\\", marked);
        default -> {
          if (code == quote) {
            out.append("\\" + quote, marked);
          } else if (isPrintable(code)) {
            out.append(code, marked);
          } else {
            out.append(escaped(code), marked);
          }
        }
      }
      at += Character.charCount(code);
    }
    out.append(quote + (text.safe() ? ")" : ""));
  }

  private static String escaped(int code) {
    return code < 0x100
        ? "\\x%02x".formatted(code)
        : code < 0x10000 ? "\\u%04x".formatted(code) : "\\U%08x".formatted(code);
  }

  static boolean isPrintable(int code) {
    return code == ' '
        || switch (Character.getType(code)) {
          case Character.CONTROL,
              Character.FORMAT,
              Character.SURROGATE,
              Character.PRIVATE_USE,
              Character.UNASSIGNED,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR,
              Character.SPACE_SEPARATOR ->
              false;
          default -> true;
        };
  }
}
