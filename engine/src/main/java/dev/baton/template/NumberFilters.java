package dev.baton.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Filters that make numbers, or text of them. */
final class NumberFilters {
  private static final Pattern WHOLE = Pattern.compile("[+-]?[0-9a-zA-Z]+(_[0-9a-zA-Z]+)*+");
  private static final Pattern REAL =
      Pattern.compile(
          "[+-]?(([0-9]+(_[0-9]+)*+)(\\.([0-9]+(_[0-9]+)*+)?)?|\\.[0-9]+(_[0-9]+)*+)"
              + "([eE][+-]?[0-9]+(_[0-9]+)*+)?");

  private NumberFilters() {}

  static Object filter(String name, Object value, Arguments given) {
    return switch (name) {
      case "abs" -> {
        given.bind(name);
        Values.defined(value);
        if (!Numbers.isNumber(value)) {
          throw new TemplateException(
              "bad operand type for abs(): '" + Values.typeName(value) + "'");
        }
        yield value instanceof Double real
            ? (Object) Math.abs(real)
            : Numbers.whole(Numbers.big(value).abs());
      }
      case "int" -> {
        Arguments.Bound of = given.bind(name, "default=", "base=");
        Object number = integer(value, Values.index(of.get(1, 10L)));
        yield number == null ? of.get(0, 0L) : number;
      }
      case "float" -> {
        Object number = real(value);
        yield number == null ? given.bind(name, "default=").get(0, 0.0) : number;
      }
      case "round" -> rounded(value, given);
      default -> size(value, given);
    };
  }

  private static @Nullable Object integer(Object value, int base) {
    if (value instanceof Text text) {
      Object whole = integer(Strip.both(text.chars()), base);
      if (whole != null) {
        return whole;
      }
    }
    Object real = Numbers.isNumber(value) ? value : real(value);
    if (real instanceof Double number && (number.isNaN() || number.isInfinite())) {
      return null;
    }
    return real == null ? null : Numbers.truncated(real);
  }

  /** Python's {@code int(text, base)}, or null. */
  private static @Nullable Object integer(String text, int base) {
    if (!WHOLE.matcher(text).matches()
        || text.length() > 4300
        || base == 1
        || base > 36
        || base < 0) {
      return null;
    }
    boolean negative = text.startsWith("-");
    String digits = Caseless.lower(text.replaceAll("[+-]", ""));
    int radix = base;
    for (Object[] known : new Object[][] {{"0x", 16}, {"0o", 8}, {"0b", 2}}) {
      if (digits.startsWith((String) known[0]) && (base == 0 || base == (int) known[1])) {
        radix = (int) known[1];
        digits = digits.substring(2);
      }
    }
    digits = digits.replace("_", "");
    if (radix == 0) {
      if (digits.length() > 1 && digits.startsWith("0") && !digits.matches("0+")) {
        return null;
      }
      radix = 10;
    }
    try {
      BigInteger whole = new BigInteger(digits, radix);
      return Numbers.whole(negative ? whole.negate() : whole);
    } catch (NumberFormatException _) {
      return null;
    }
  }

  /** Python's {@code float(value)}, or null where that is no number. */
  private static @Nullable Object real(Object value) {
    Values.defined(value);
    if (Numbers.isNumber(value)) {
      return Numbers.real(value);
    }
    if (!(value instanceof Text text)) {
      return null;
    }
    String number = Caseless.lower(Strip.both(text.chars()));
    if (REAL.matcher(number).matches()) {
      return Double.valueOf(number.replace("_", ""));
    }
    boolean negative = number.startsWith("-");
    String word = number.replaceFirst("^[+-]", "");
    if (Set.of("inf", "infinity").contains(word)) {
      return negative ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
    }
    return word.equals("nan") ? Double.NaN : null;
  }

  private static Object rounded(Object value, Arguments given) {
    Arguments.Bound of = given.bind("round", "precision=", "method=");
    Values.defined(value);
    if (!Numbers.isNumber(value)) {
      throw new TemplateException(
          "type " + Values.typeName(value) + " doesn't define __round__ method");
    }
    int precision = Values.index(of.get(0, 0L));
    String method = Values.text(of.get(1, Text.of("common")), "round").chars();
    if (method.equals("common")) {
      return Numbers.rounded(value, precision);
    }
    if (!method.equals("ceil") && !method.equals("floor")) {
      throw new TemplateException("method must be common, ceil or floor");
    }
    Object scale = Numbers.power(10L, (long) precision);
    Object scaled = Numbers.times(value, scale);
    if (scaled instanceof Double real && (real.isNaN() || real.isInfinite())) {
      throw new TemplateException("cannot convert float to integer");
    }
    RoundingMode mode = method.equals("ceil") ? RoundingMode.CEILING : RoundingMode.FLOOR;
    BigDecimal exact =
        scaled instanceof Double real ? new BigDecimal(real) : new BigDecimal(Numbers.big(scaled));
    return Numbers.dividedBy(Numbers.whole(exact.setScale(0, mode).toBigInteger()), scale);
  }

  private static Object size(Object value, Arguments given) {
    boolean binary = given.bind("filesizeformat", "binary=").truth(0);
    Object number = real(value);
    if (number == null) {
      throw new TemplateException("could not convert to float: " + Shown.repr(value));
    }
    double bytes = (Double) number;
    int base = binary ? 1024 : 1000;
    if (bytes == 1) {
      return Text.of("1 Byte");
    }
    if (bytes < base) {
      return Text.of(Numbers.truncated(bytes) + " Bytes");
    }
    String units = "kMGTPEZY";
    int power = 0;
    double unit = (double) base * base;
    while (bytes >= unit && power < units.length() - 1) {
      unit *= base;
      power++;
    }
    String amount =
        new BigDecimal(base * bytes / unit).setScale(1, RoundingMode.HALF_EVEN).toPlainString();
    String letter = units.substring(power, power + 1);
    String prefix = binary ? letter.toUpperCase(java.util.Locale.ROOT) + "i" : letter;
    return Text.of(amount + " " + prefix + "B");
  }
}
