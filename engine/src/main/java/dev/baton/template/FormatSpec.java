package dev.baton.template;

import java.math.BigInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Python's format specification, such as {@code >10.2f}.
 *
 * @param align one of {@code <>=^}, or a space for the value's own
 * @param precision -1 for none
 * @param type a space for the value's own
 */
record FormatSpec(
    String fill,
    char align,
    boolean signed,
    char sign,
    boolean alternate,
    boolean zeros,
    int width,
    char separator,
    int precision,
    char type) {
  private static final Pattern SYNTAX =
      Pattern.compile(
          "(?:(?<fill>.)?(?<align>[<>=^]))?(?<sign>[-+ ])?z?(?<alternate>#)?(?<zeros>0)?"
              + "(?<width>[0-9]{1,6})?(?<separator>[,_])?(?:\\.(?<precision>[0-9]{1,6}))?"
              + "(?<type>[a-zA-Z%])?",
          Pattern.DOTALL);

  static FormatSpec of(String spec) {
    Matcher parts = SYNTAX.matcher(spec);
    if (!parts.matches()) {
      throw new TemplateException("Invalid format specifier '" + spec + "'");
    }
    boolean zeros = parts.group("zeros") != null;
    String fill = parts.group("fill");
    String align = parts.group("align");
    return new FormatSpec(
        fill != null ? fill : zeros ? "0" : " ",
        align == null ? ' ' : align.charAt(0),
        parts.group("sign") != null,
        character(parts.group("sign")),
        parts.group("alternate") != null,
        zeros,
        parts.group("width") == null ? 0 : Integer.parseInt(parts.group("width")),
        character(parts.group("separator")),
        parts.group("precision") == null ? -1 : Integer.parseInt(parts.group("precision")),
        character(parts.group("type")));
  }

  private static char character(String group) {
    return group == null || group.isEmpty() ? ' ' : group.charAt(0);
  }

  private boolean isPlain() {
    return width == 0
        && precision < 0
        && type == ' '
        && align == ' '
        && !signed
        && separator == ' '
        && !alternate
        && !zeros;
  }

  Text apply(Object value) {
    if (value instanceof Text text) {
      return text(text);
    }
    if (isPlain()) {
      return Shown.str(value);
    }
    boolean isTruth = value instanceof Boolean && type == ' ';
    if (!Numbers.isNumber(value)) {
      throw new TemplateException(
          "unsupported format string passed to " + Values.typeName(value) + ".__format__");
    }
    boolean asReal = value instanceof Double || "eEfFgG%".indexOf(type) >= 0;
    return asReal ? real(Numbers.real(value)) : whole(value, isTruth);
  }

  private Text text(Text text) {
    if (type != ' ' && type != 's') {
      throw unknown("str");
    }
    if (align == '=' || signed || alternate || separator != ' ') {
      throw new TemplateException(
          "a sign, '=', '#', ',' and '_' are not allowed in a string's format specifier");
    }
    Text cut =
        precision >= 0 && precision < text.length() ? text.part(0, text.unit(precision)) : text;
    return aligned(cut, '<');
  }

  private TemplateException unknown(String of) {
    return new TemplateException(
        "Unknown format code '" + type + "' for object of type '" + of + "'");
  }

  private Text aligned(Text text, char own) {
    int missing = width - text.length();
    char to = align == ' ' ? own : align;
    int before = to == '<' ? 0 : to == '^' ? missing / 2 : missing;
    return Padding.padded(text, before, missing - before, fill);
  }

  private Text whole(Object value, boolean isTruth) {
    BigInteger number = Numbers.big(value);
    if (type == 'c') {
      return aligned(Text.of(Character.toString(Values.index(value)), true), '<');
    }
    if (precision >= 0) {
      throw new TemplateException("Precision not allowed in integer format specifier");
    }
    String digits =
        switch (type) {
          case ' ', 'd', 'n' -> Numbers.text(number.abs());
          case 'x' -> number.abs().toString(16);
          case 'X' -> Caseless.upper(Text.of(number.abs().toString(16))).chars();
          case 'o' -> number.abs().toString(8);
          case 'b' -> number.abs().toString(2);
          default -> throw unknown(isTruth ? "bool" : "int");
        };
    boolean decimal = type == ' ' || type == 'd' || type == 'n';
    String prefix = alternate && !decimal ? "0" + type : "";
    return number(number.signum() < 0, prefix, digits, decimal ? 3 : 4);
  }

  private Text real(double value) {
    boolean negative = Math.copySign(1, value) < 0 && !Double.isNaN(value);
    String digits;
    if (type == ' ' && precision < 0) {
      digits = Numbers.text(Math.abs(value));
    } else if (type == ' ') {
      digits = NumberFormat.real(value, 'g', precision, alternate);
      boolean isWhole = digits.chars().allMatch(c -> c >= '0' && c <= '9');
      digits = isWhole ? digits + ".0" : digits;
    } else if ("eEfFgG%n".indexOf(type) >= 0) {
      char as = type == 'n' ? 'g' : type;
      digits = NumberFormat.real(value, as, precision < 0 ? 6 : precision, alternate);
    } else {
      throw unknown("float");
    }
    return number(negative, "", digits, 3);
  }

  private Text number(boolean negative, String prefix, String digits, int group) {
    String head = (negative ? "-" : signed && sign != '-' ? String.valueOf(sign) : "") + prefix;
    String grouped = separator == ' ' ? digits : NumberFormat.grouped(digits, separator, group);
    boolean inner = align == '=' || (zeros && align == ' ');
    if (inner) {
      int missing = width - head.length() - grouped.length();
      return new TextBuilder().append(head).repeat(Text.of(fill), missing).append(grouped).text();
    }
    return aligned(Text.of(head + grouped), '>');
  }
}
