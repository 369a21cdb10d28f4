package dev.baton.template;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** Numbers as Python's {@code %} and {@code format} write them, without sign and width. */
final class NumberFormat {
  private static final int MOST_PRECISION = 1000;

  private NumberFormat() {}

  /**
   * @param type one of {@code eEfFgG%}
   * @param alternate Python's {@code #}: keep the point, and the zeros of {@code g}
   */
  static String real(double value, char type, int precision, boolean alternate) {
    boolean large = type == 'E' || type == 'F' || type == 'G';
    double magnitude = Math.abs(value);
    String text;
    if (Double.isNaN(magnitude) || Double.isInfinite(magnitude)) {
      text = Double.isNaN(magnitude) ? "nan" : "inf";
      return type == '%' ? text + "%" : large ? Caseless.upper(Text.of(text)).chars() : text;
    }
    if (precision > MOST_PRECISION) {
      throw new TemplateException("precision too big");
    }
    BigDecimal exact = new BigDecimal(magnitude);
    text =
        switch (type) {
          case 'e', 'E' -> scientific(exact, precision, alternate);
          case 'f', 'F' -> fixed(exact, precision, alternate);
          case '%' -> fixed(exact.movePointRight(2), precision, alternate) + "%";
          default -> general(exact, Math.max(1, precision), alternate);
        };
    return large ? Caseless.upper(Text.of(text)).chars() : text;
  }

  private static String fixed(BigDecimal exact, int precision, boolean alternate) {
    String text = exact.setScale(precision, RoundingMode.HALF_EVEN).toPlainString();
    return alternate && precision == 0 ? text + "." : text;
  }

  private static String scientific(BigDecimal exact, int precision, boolean alternate) {
    String digits = "0".repeat(precision + 1);
    int exponent = 0;
    if (exact.signum() != 0) {
      BigDecimal rounded = exact.round(new MathContext(precision + 1, RoundingMode.HALF_EVEN));
      String all = rounded.unscaledValue().toString();
      exponent = all.length() - 1 - rounded.scale();
      digits = (all + "0".repeat(precision + 1)).substring(0, precision + 1);
    }
    String more = precision > 0 ? "." + digits.substring(1) : alternate ? "." : "";
    return digits.charAt(0) + more + power(exponent);
  }

  private static String power(int exponent) {
    int size = Math.abs(exponent);
    return "e" + (exponent < 0 ? "-" : "+") + (size < 10 ? "0" : "") + size;
  }

  private static String general(BigDecimal exact, int precision, boolean alternate) {
    BigDecimal rounded = exact.round(new MathContext(precision, RoundingMode.HALF_EVEN));
    int exponent =
        exact.signum() == 0 ? 0 : rounded.unscaledValue().toString().length() - 1 - rounded.scale();
    boolean isFixed = exponent >= -4 && exponent < precision;
    String text =
        isFixed
            ? fixed(exact, precision - 1 - exponent, alternate)
            : scientific(exact, precision - 1, alternate);
    if (alternate) {
      return text;
    }
    int end = text.indexOf('e');
    String number = end < 0 ? text : text.substring(0, end);
    if (number.contains(".")) {
      number = number.replaceFirst("0+$", "").replaceFirst("\\.$", "");
    }
    return number + (end < 0 ? "" : text.substring(end));
  }

  /** Commas or underscores between groups of digits, in the part before a point. */
  static String grouped(String digits, char separator, int size) {
    int end = 0;
    while (end < digits.length()
        && Character.digit(digits.charAt(end), 16) >= 0
        && !(size == 3 && digits.charAt(end) > '9')) {
      end++;
    }
    StringBuilder text = new StringBuilder(digits);
    for (int at = end - size; at > 0; at -= size) {
      text.insert(at, separator);
    }
    return text.toString();
  }
}
