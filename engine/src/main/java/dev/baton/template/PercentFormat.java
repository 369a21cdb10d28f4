package dev.baton.template;

import java.util.Iterator;
import org.jspecify.annotations.Nullable;

/** Python's {@code "…%s…" % values}. One thread. */
final class PercentFormat {
  private static final int MOST_WIDTH = 1 << 20;

  private final Text format;
  private final String chars;
  private final Object values;
  private final @Nullable Iterator<Object> each;
  private final TextBuilder out = new TextBuilder();
  private boolean single;
  private boolean named;
  private int at;
  private String flags = "";

  private PercentFormat(Text format, Object values) {
    this.format = format;
    this.chars = format.chars();
    this.values = values;
    this.each =
        values instanceof Sequence tuple && tuple.isTuple() ? tuple.items().iterator() : null;
  }

  static Text of(Text format, Object values) {
    return new PercentFormat(format, values).write();
  }

  private Text write() {
    while (at < chars.length()) {
      int percent = chars.indexOf('%', at);
      int end = percent < 0 ? chars.length() : percent;
      out.append(format, at, end);
      at = end + 1;
      if (percent >= 0) {
        conversion();
      }
    }
    boolean takesAll = each == null ? single || named || values instanceof Dict : !each.hasNext();
    boolean isMapping =
        values instanceof Dict
            || values instanceof Range
            || (values instanceof Sequence && each == null);
    if (!takesAll && !isMapping) {
      throw new TemplateException("not all arguments converted during string formatting");
    }
    return out.text().asSafe(format.safe());
  }

  private char take() {
    if (at >= chars.length()) {
      throw new TemplateException("incomplete format");
    }
    return chars.charAt(at++);
  }

  private void conversion() {
    Object value = null;
    if (at < chars.length() && chars.charAt(at) == '(') {
      value = byName();
    }
    int from = at;
    while (at < chars.length() && "#0- +".indexOf(chars.charAt(at)) >= 0) {
      at++;
    }
    flags = chars.substring(from, at);
    int width = size();
    int precision = -1;
    if (at < chars.length() && chars.charAt(at) == '.') {
      at++;
      precision = Math.max(0, size());
    }
    while (at < chars.length() && "hlL".indexOf(chars.charAt(at)) >= 0) {
      at++;
    }
    char type = take();
    if (type == '%') {
      out.append("%");
      return;
    }
    if (width < 0) {
      flags += "-";
      width = -width;
    }
    converted(type, value == null ? next() : value, width, precision);
  }

  private Object byName() {
    int end = at + 1;
    for (int open = 1; open > 0; end++) {
      if (end >= chars.length()) {
        throw new TemplateException("incomplete format key");
      }
      open += chars.charAt(end) == '(' ? 1 : chars.charAt(end) == ')' ? -1 : 0;
    }
    String name = chars.substring(at + 1, end - 1);
    at = end;
    named = true;
    if (!(values instanceof Dict dict)) {
      throw new TemplateException("format requires a mapping");
    }
    Object value = dict.get(Text.of(name));
    if (value == null) {
      throw new TemplateException("'" + name + "'");
    }
    return value;
  }

  private int size() {
    if (at < chars.length() && chars.charAt(at) == '*') {
      at++;
      return bounded(Values.index(next()));
    }
    int size = 0;
    while (at < chars.length() && chars.charAt(at) >= '0' && chars.charAt(at) <= '9') {
      size = bounded(size * 10 + chars.charAt(at++) - '0');
    }
    return size;
  }

  private static int bounded(int size) {
    if (Math.abs((long) size) > MOST_WIDTH) {
      throw new TemplateException("writes too much");
    }
    return size;
  }

  private Object next() {
    if (each != null ? !each.hasNext() : single) {
      throw new TemplateException("not enough arguments for format string");
    }
    single = true;
    return each != null ? each.next() : values;
  }

  private void converted(char type, Object value, int width, int precision) {
    Text text =
        switch (type) {
          case 's' -> value instanceof Text own ? own : Shown.str(value);
          case 'r' -> Shown.repr(value);
          case 'a' -> Shown.repr(value);
          case 'c' -> character(value);
          case 'd', 'i', 'u', 'x', 'X', 'o' -> whole(type, value, precision);
          case 'e', 'E', 'f', 'F', 'g', 'G' -> real(type, value, precision);
          default ->
              throw new TemplateException(
                  "unsupported format character '" + type + "' at index " + (at - 1));
        };
    boolean isNumber = "diuxXoeEfFgG".indexOf(type) >= 0;
    if (!isNumber && precision >= 0 && precision < text.length()) {
      text = text.part(0, text.unit(precision));
    }
    Text shown = format.safe() && !isNumber ? Html.escape(text) : text.asSafe(false);
    boolean zeros = flags.contains("0") && isNumber && !flags.contains("-");
    if (zeros) {
      out.append(padded(shown, width));
    } else if (flags.contains("-")) {
      out.append(Padding.left(shown, width, " "));
    } else {
      out.append(Padding.right(shown, width, " "));
    }
  }

  private static Text padded(Text number, int width) {
    String chars = number.chars();
    int from = chars.startsWith("-") || chars.startsWith("+") || chars.startsWith(" ") ? 1 : 0;
    if (chars.startsWith("0x", from)
        || chars.startsWith("0X", from)
        || chars.startsWith("0o", from)) {
      from += 2;
    }
    return Text.of(
        chars.substring(0, from)
            + "0".repeat(Math.max(0, width - chars.length()))
            + chars.substring(from));
  }

  private Text character(Object value) {
    if (value instanceof Text text && text.length() == 1) {
      return text;
    }
    if (Numbers.isWhole(value) && Character.isValidCodePoint(Values.index(value))) {
      return Text.of(Character.toString(Values.index(value)), true);
    }
    throw new TemplateException("the conversion c requires int or char");
  }

  private String sign(boolean negative) {
    return negative ? "-" : flags.contains("+") ? "+" : flags.contains(" ") ? " " : "";
  }

  private Text whole(char type, Object value, int precision) {
    boolean hex = type == 'x' || type == 'X' || type == 'o';
    Values.defined(value);
    if (!Numbers.isNumber(value) || (hex && value instanceof Double)) {
      throw new TemplateException(
          "%"
              + type
              + " format: "
              + (hex ? "an integer" : "a real number")
              + " is required, not "
              + Values.typeName(value));
    }
    var number = Numbers.big(Numbers.truncated(value));
    String digits =
        switch (type) {
          case 'x', 'X' -> number.abs().toString(16);
          case 'o' -> number.abs().toString(8);
          default -> Numbers.text(number.abs());
        };
    digits = "0".repeat(Math.max(0, precision - digits.length())) + digits;
    String prefix = flags.contains("#") && hex ? (type == 'o' ? "0o" : "0x") : "";
    String text = prefix + digits;
    return Text.of(
        sign(number.signum() < 0) + (type == 'X' ? Caseless.upper(Text.of(text)).chars() : text));
  }

  private Text real(char type, Object value, int precision) {
    Values.defined(value);
    if (!Numbers.isNumber(value)) {
      throw new TemplateException("must be real number, not " + Values.typeName(value));
    }
    double number = Numbers.real(value);
    String digits =
        NumberFormat.real(number, type, precision < 0 ? 6 : precision, flags.contains("#"));
    boolean negative = Math.copySign(1, number) < 0 && !Double.isNaN(number);
    return Text.of(sign(negative) + digits);
  }
}
