package dev.baton.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;

/** Python's numbers: {@code int} is a Long, or a BigInteger where that is too small. */
final class Numbers {
  /** Digits of an int that Python writes. */
  private static final int MOST_DIGITS = 4300;

  private static final int MOST_BITS = 1 << 17;

  private Numbers() {}

  static boolean isNumber(Object value) {
    return value instanceof Long
        || value instanceof Double
        || value instanceof Boolean
        || value instanceof BigInteger;
  }

  static boolean isWhole(Object value) {
    return isNumber(value) && !(value instanceof Double);
  }

  static Object whole(BigInteger number) {
    if (number.bitLength() > MOST_BITS) {
      throw new TemplateException("makes too large a number");
    }
    return number.bitLength() < Long.SIZE ? (Object) number.longValue() : number;
  }

  static BigInteger big(Object number) {
    return switch (number) {
      case Boolean truth -> truth ? BigInteger.ONE : BigInteger.ZERO;
      case BigInteger big -> big;
      default -> BigInteger.valueOf((Long) number);
    };
  }

  static double real(Object number) {
    if (number instanceof Double real) {
      return real;
    }
    double real = big(number).doubleValue();
    if (Double.isInfinite(real)) {
      throw new TemplateException("int too large to convert to float");
    }
    return real;
  }

  static boolean equal(Object left, Object right) {
    if (left instanceof Double || right instanceof Double) {
      if (isNan(left) || isNan(right)) {
        return false;
      }
      return compare(left, right) == 0;
    }
    return big(left).equals(big(right));
  }

  private static boolean isNan(Object value) {
    return value instanceof Double number && number.isNaN();
  }

  static int compare(Object left, Object right) {
    if (left instanceof Long mine && right instanceof Long other) {
      return Long.compare(mine, other);
    }
    if (isEndless(left) || isEndless(right)) {
      double mine = left instanceof Double number ? number : 0;
      double other = right instanceof Double number ? number : 0;
      return Double.compare(mine, other);
    }
    return exact(left).compareTo(exact(right));
  }

  private static boolean isEndless(Object value) {
    return value instanceof Double number && (number.isNaN() || number.isInfinite());
  }

  private static BigDecimal exact(Object number) {
    return number instanceof Double real ? new BigDecimal(real) : new BigDecimal(big(number));
  }

  static Object plus(Object left, Object right) {
    if (left instanceof Double || right instanceof Double) {
      return real(left) + real(right);
    }
    return whole(big(left).add(big(right)));
  }

  static Object minus(Object left, Object right) {
    if (left instanceof Double || right instanceof Double) {
      return real(left) - real(right);
    }
    return whole(big(left).subtract(big(right)));
  }

  static Object times(Object left, Object right) {
    if (left instanceof Double || right instanceof Double) {
      return real(left) * real(right);
    }
    return whole(big(left).multiply(big(right)));
  }

  static Object dividedBy(Object left, Object right) {
    if (left instanceof Double || right instanceof Double) {
      if (real(right) == 0) {
        throw new TemplateException("float division by zero");
      }
      return real(left) / real(right);
    }
    if (big(right).signum() == 0) {
      throw new TemplateException("division by zero");
    }
    // More digits than a double has are right before the one rounding that counts.
    double quotient = quotient(big(left), big(right));
    if (Double.isInfinite(quotient)) {
      throw new TemplateException("integer division result too large for a float");
    }
    return quotient;
  }

  private static double quotient(BigInteger left, BigInteger right) {
    if (left.bitLength() <= 53 && right.bitLength() <= 53) {
      return left.doubleValue() / right.doubleValue();
    }
    MathContext digits = new MathContext(60, RoundingMode.HALF_EVEN);
    return new BigDecimal(left).divide(new BigDecimal(right), digits).doubleValue();
  }

  /** Python's {@code //}, which rounds down. */
  static Object floorDividedBy(Object left, Object right) {
    if (left instanceof Double || right instanceof Double) {
      if (real(right) == 0) {
        throw new TemplateException("float floor division by zero");
      }
      double dividend = real(left);
      double divisor = real(right);
      double rest = (Double) modulo(dividend, divisor);
      double quotient = (dividend - rest) / divisor;
      if (quotient == 0) {
        return Math.copySign(0.0, dividend / divisor);
      }
      double floor = Math.floor(quotient);
      return quotient - floor > 0.5 ? floor + 1 : floor;
    }
    BigInteger[] parts = floorParts(big(left), big(right), "integer division or modulo by zero");
    return whole(parts[0]);
  }

  /** Python's {@code %}, which has the divisor's sign. */
  static Object modulo(Object left, Object right) {
    if (left instanceof Double || right instanceof Double) {
      double divisor = real(right);
      if (divisor == 0) {
        throw new TemplateException("float modulo");
      }
      double rest = real(left) % divisor;
      if (rest == 0) {
        return Math.copySign(0.0, divisor);
      }
      return rest < 0 != divisor < 0 ? rest + divisor : rest;
    }
    return whole(floorParts(big(left), big(right), "integer modulo by zero")[1]);
  }

  private static BigInteger[] floorParts(BigInteger left, BigInteger right, String byZero) {
    if (right.signum() == 0) {
      throw new TemplateException(byZero);
    }
    BigInteger[] parts = left.divideAndRemainder(right);
    if (parts[1].signum() != 0 && parts[1].signum() != right.signum()) {
      return new BigInteger[] {parts[0].subtract(BigInteger.ONE), parts[1].add(right)};
    }
    return parts;
  }

  static Object power(Object left, Object right) {
    if (isWhole(left) && isWhole(right) && big(right).signum() >= 0) {
      BigInteger base = big(left);
      BigInteger exponent = big(right);
      boolean isSmall = base.bitLength() <= 1;
      if (!isSmall && exponent.bitLength() > 20) {
        throw new TemplateException("makes too large a number");
      }
      if (isSmall) {
        int odd = exponent.testBit(0) ? 1 : 2;
        return exponent.signum() == 0 ? 1L : whole(base.pow(odd));
      }
      if ((long) base.bitLength() * exponent.intValueExact() > 2L * MOST_BITS) {
        throw new TemplateException("makes too large a number");
      }
      return whole(base.pow(exponent.intValueExact()));
    }
    double base = real(left);
    double exponent = real(right);
    if (base == 0 && exponent < 0) {
      throw new TemplateException("0.0 cannot be raised to a negative power");
    }
    if (base < 0 && exponent != Math.rint(exponent)) {
      throw new TemplateException("makes a complex number");
    }
    double power = Math.pow(base, exponent);
    if (Double.isInfinite(power) && !Double.isInfinite(base) && !Double.isInfinite(exponent)) {
      throw new TemplateException("Numerical result out of range");
    }
    return base == 1 ? 1.0 : power;
  }

  static Object negative(Object value) {
    return value instanceof Double real ? (Object) (-real) : whole(big(value).negate());
  }

  /** Python's {@code int()} of a number. */
  static Object truncated(Object value) {
    if (value instanceof Double real) {
      if (real.isNaN() || real.isInfinite()) {
        throw new TemplateException("cannot convert float to integer");
      }
      return whole(new BigDecimal(real).toBigInteger());
    }
    return whole(big(value));
  }

  /** Python's {@code round}. */
  static Object rounded(Object value, int digits) {
    if (value instanceof Double real) {
      if (real.isNaN() || real.isInfinite() || digits > 323) {
        return real;
      }
      if (digits < -308) {
        return Math.copySign(0.0, real);
      }
      BigDecimal exact = new BigDecimal(real).setScale(digits, RoundingMode.HALF_EVEN);
      return Math.copySign(exact.doubleValue(), real);
    }
    if (digits >= 0) {
      return whole(big(value));
    }
    BigDecimal exact =
        new BigDecimal(big(value)).setScale(Math.max(digits, -MOST_DIGITS), RoundingMode.HALF_EVEN);
    return whole(exact.toBigInteger());
  }

  static String text(Object number) {
    return switch (number) {
      case Boolean truth -> truth ? "True" : "False";
      case Double real -> shortest(real);
      case BigInteger big -> {
        String digits = big.toString();
        if (digits.length() - (big.signum() < 0 ? 1 : 0) > MOST_DIGITS) {
          throw new TemplateException(
              "Exceeds the limit (4300 digits) for integer string conversion");
        }
        yield digits;
      }
      default -> number.toString();
    };
  }

  /** The shortest digits that give the number back, as Python's {@code repr} puts them. */
  private static String shortest(double real) {
    if (Double.isNaN(real)) {
      return "nan";
    }
    if (Double.isInfinite(real)) {
      return real < 0 ? "-inf" : "inf";
    }
    String sign = Math.copySign(1, real) < 0 ? "-" : "";
    if (real == 0) {
      return sign + "0.0";
    }
    BigDecimal shortest = new BigDecimal(Double.toString(Math.abs(real))).stripTrailingZeros();
    String digits = shortest.unscaledValue().toString();
    int exponent = digits.length() - 1 - shortest.scale();
    if (exponent < -4 || exponent >= 16) {
      String more = digits.length() > 1 ? "." + digits.substring(1) : "";
      String power = (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
      return sign + digits.charAt(0) + more + "e" + (exponent < 0 ? "-" : "+") + power;
    }
    String plain = shortest.toPlainString();
    return sign + (plain.contains(".") ? plain : plain + ".0");
  }
}
