package dev.baton.template;

import java.util.List;

/** Python's {@code "…{}…".format(…)}, which looks into values as the sandbox allows. One thread. */
final class BraceFormat {
  private static final int MOST_NESTING = 2;

  private final List<Object> positional;
  private final Dict named;
  private int next;
  private boolean numbered;

  private BraceFormat(List<Object> positional, Dict named) {
    this.positional = positional;
    this.named = named;
  }

  static Text of(Text format, Arguments given) {
    return new BraceFormat(given.positional(), Dict.of(given.named()))
        .write(format, MOST_NESTING)
        .asSafe(format.safe());
  }

  static Text of(Text format, Dict named) {
    return new BraceFormat(List.of(), named).write(format, MOST_NESTING).asSafe(format.safe());
  }

  private Text write(Text format, int nesting) {
    if (nesting == 0) {
      throw new TemplateException("Max string recursion exceeded");
    }
    TextBuilder out = new TextBuilder();
    String chars = format.chars();
    for (int at = 0; at < chars.length(); ) {
      char c = chars.charAt(at);
      boolean doubled = at + 1 < chars.length() && chars.charAt(at + 1) == c;
      if ((c == '{' || c == '}') && doubled) {
        out.append(format, at, at + 1);
        at += 2;
      } else if (c == '}') {
        throw new TemplateException("Single '}' encountered in format string");
      } else if (c == '{') {
        int end = end(chars, at);
        out.append(field(format.part(at + 1, end), nesting));
        at = end + 1;
      } else {
        out.append(format, at, at + 1);
        at++;
      }
    }
    return out.text();
  }

  private static int end(String chars, int begin) {
    int open = 0;
    for (int at = begin; at < chars.length(); at++) {
      char c = chars.charAt(at);
      if (c == '[' && open == 1) {
        int close = chars.indexOf(']', at);
        at = close < 0 ? at : close;
        continue;
      }
      open += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (open == 0) {
        return at;
      }
    }
    throw new TemplateException(
        begin + 1 == chars.length()
            ? "Single '{' encountered in format string"
            : "expected '}' before end of string");
  }

  private Text field(Text field, int nesting) {
    String chars = field.chars();
    int end = nameEnd(chars);
    Object value = value(chars.substring(0, end));
    int at = end;
    if (at < chars.length() && chars.charAt(at) == '!') {
      char conversion = at + 1 < chars.length() ? chars.charAt(at + 1) : ' ';
      value =
          switch (conversion) {
            case 's' -> Shown.str(value);
            case 'r', 'a' -> Shown.repr(value);
            default ->
                throw new TemplateException("Unknown conversion specifier '" + conversion + "'");
          };
      at += 2;
    }
    Text spec = Text.EMPTY;
    if (at < chars.length()) {
      if (chars.charAt(at) != ':') {
        throw new TemplateException("expected ':' after conversion specifier");
      }
      spec =
          write(
              field.part(at + 1, chars.length()),
              nesting - 1 + (chars.indexOf('{', at) < 0 ? 1 : 0));
    }
    return FormatSpec.of(spec.chars()).apply(value);
  }

  private static int nameEnd(String chars) {
    boolean inBrackets = false;
    for (int at = 0; at < chars.length(); at++) {
      char c = chars.charAt(at);
      if (c == '[' || c == ']') {
        inBrackets = c == '[';
      } else if (!inBrackets && (c == '!' || c == ':')) {
        return at;
      }
    }
    return chars.length();
  }

  private Object value(String name) {
    int end = 0;
    while (end < name.length() && name.charAt(end) != '.' && name.charAt(end) != '[') {
      end++;
    }
    Object value = first(name.substring(0, end));
    while (end < name.length()) {
      if (name.charAt(end) == '.') {
        int to = end + 1;
        while (to < name.length() && name.charAt(to) != '.' && name.charAt(to) != '[') {
          to++;
        }
        if (to == end + 1) {
          throw new TemplateException("Empty attribute in format string");
        }
        value = Attributes.attribute(value, name.substring(end + 1, to));
        end = to;
      } else if (name.charAt(end) == '[') {
        int to = name.indexOf(']', end);
        if (to < 0) {
          throw new TemplateException("Missing ']' in format string");
        }
        String key = name.substring(end + 1, to);
        value = Attributes.item(value, isDigits(key) ? (Object) Long.valueOf(key) : Text.of(key));
        end = to + 1;
      } else {
        throw new TemplateException("Only '.' or '[' may follow ']' in format field specifier");
      }
    }
    return value;
  }

  private static boolean isDigits(String key) {
    return !key.isEmpty() && key.length() < 10 && key.chars().allMatch(c -> c >= '0' && c <= '9');
  }

  private Object first(String name) {
    if (name.isEmpty() || isDigits(name)) {
      if (name.isEmpty() == numbered && (numbered || next > 0)) {
        throw new TemplateException(
            "cannot switch from manual field specification to automatic field numbering");
      }
      numbered = !name.isEmpty();
      int place = name.isEmpty() ? next++ : Integer.parseInt(name);
      if (place >= positional.size()) {
        throw new TemplateException(
            "Replacement index " + place + " out of range for positional args tuple");
      }
      return positional.get(place);
    }
    Object value = named.get(Text.of(name));
    if (value == null) {
      throw new TemplateException("'" + name + "'");
    }
    return value;
  }
}
