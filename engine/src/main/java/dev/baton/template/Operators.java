package dev.baton.template;

import java.util.ArrayList;
import java.util.List;

/** Python's operators. */
final class Operators {
  private Operators() {}

  static Object binary(String operator, Object left, Object right) {
    if (operator.equals("%") && left instanceof Text format) {
      return PercentFormat.of(format, right);
    }
    Values.defined(left);
    Values.defined(right);
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      return switch (operator) {
        case "+" -> Numbers.plus(left, right);
        case "-" -> Numbers.minus(left, right);
        case "*" -> Numbers.times(left, right);
        case "/" -> Numbers.dividedBy(left, right);
        case "//" -> Numbers.floorDividedBy(left, right);
        case "%" -> Numbers.modulo(left, right);
        default -> Numbers.power(left, right);
      };
    }
    return switch (operator) {
      case "+" -> joined(left, right);
      case "*" -> repeated(left, right);
      default -> throw unsupported(operator, left, right);
    };
  }

  private static Object joined(Object left, Object right) {
    if (left instanceof Text text) {
      if (right instanceof Text more) {
        return text.plus(more);
      }
      throw concatenation("str", right);
    }
    if (left instanceof Sequence mine) {
      String type = Values.typeName(left);
      if (!(right instanceof Sequence other) || other.isTuple() != mine.isTuple()) {
        throw concatenation(type, right);
      }
      Budget.charge((long) mine.size() + other.size());
      List<Object> items = new ArrayList<>(mine.items());
      items.addAll(other.items());
      return new Sequence(items, mine.isTuple());
    }
    throw unsupported("+", left, right);
  }

  private static TemplateException concatenation(String to, Object value) {
    return new TemplateException(
        "can only concatenate " + to + " (not \"" + Values.typeName(value) + "\") to " + to);
  }

  private static Object repeated(Object left, Object right) {
    boolean leftRepeats = left instanceof Text || left instanceof Sequence;
    Object what = leftRepeats ? left : right;
    Object count = leftRepeats ? right : left;
    if (!(what instanceof Text || what instanceof Sequence)) {
      throw unsupported("*", left, right);
    }
    if (!Numbers.isWhole(count)) {
      throw new TemplateException(
          "can't multiply sequence by non-int of type '" + Values.typeName(count) + "'");
    }
    int times = Math.max(0, Values.index(count));
    if (what instanceof Text text) {
      return new TextBuilder().repeat(text, times).text().asSafe(text.safe());
    }
    Sequence sequence = (Sequence) what;
    if ((long) times * sequence.size() > Budget.MOST_ITEMS) {
      throw new TemplateException("makes a list of too many items");
    }
    List<Object> items = new ArrayList<>();
    for (int i = 0; i < times && sequence.size() > 0; i++) {
      items.addAll(sequence.items());
    }
    return new Sequence(items, sequence.isTuple());
  }

  private static TemplateException unsupported(String operator, Object left, Object right) {
    String shown = operator.equals("**") ? "** or pow()" : operator;
    return new TemplateException(
        "unsupported operand type(s) for %s: '%s' and '%s'"
            .formatted(shown, Values.typeName(left), Values.typeName(right)));
  }

  static boolean compare(String operator, Object left, Object right) {
    return switch (operator) {
      case "==" -> Values.equal(left, right);
      case "!=" -> !Values.equal(left, right);
      case "in" -> Values.isIn(left, right);
      case "not in" -> !Values.isIn(left, right);
      default -> {
        boolean isNanAmongNumbers =
            Numbers.isNumber(left) && Numbers.isNumber(right) && (isNan(left) || isNan(right));
        if (isNanAmongNumbers) {
          yield false;
        }
        int order = Values.compare(left, right, operator);
        yield switch (operator) {
          case "<" -> order < 0;
          case "<=" -> order <= 0;
          case ">" -> order > 0;
          default -> order >= 0;
        };
      }
    };
  }

  private static boolean isNan(Object value) {
    return value instanceof Double number && number.isNaN();
  }

  static Object signed(boolean negative, Object value) {
    Values.defined(value);
    if (!Numbers.isNumber(value)) {
      throw new TemplateException(
          "bad operand type for unary %s: '%s'"
              .formatted(negative ? "-" : "+", Values.typeName(value)));
    }
    if (negative) {
      return Numbers.negative(value);
    }
    return value instanceof Double ? value : Numbers.whole(Numbers.big(value));
  }
}
