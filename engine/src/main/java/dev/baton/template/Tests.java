package dev.baton.template;

import java.util.Set;

/** What stands behind {@code is}. */
final class Tests {
  /** Those of the value alone. */
  private static final Set<String> UNARY =
      Set.of(
          "odd",
          "even",
          "defined",
          "undefined",
          "filter",
          "test",
          "none",
          "boolean",
          "false",
          "true",
          "integer",
          "float",
          "lower",
          "upper",
          "string",
          "mapping",
          "number",
          "sequence",
          "iterable",
          "callable",
          "escaped");

  /** Those that compare it with another. */
  private static final Set<String> BINARY =
      Set.of(
          "divisibleby",
          "sameas",
          "in",
          "==",
          "eq",
          "equalto",
          "!=",
          "ne",
          ">",
          "gt",
          "greaterthan",
          "ge",
          ">=",
          "<",
          "lt",
          "lessthan",
          "<=",
          "le");

  private Tests() {}

  static boolean test(String name, Object value, Arguments given) {
    if (BINARY.contains(name)) {
      return binary(name, value, given.bind(name, "other").get(0));
    }
    given.bind(name);
    return unary(name, value);
  }

  private static boolean isKnown(String name) {
    return UNARY.contains(name) || BINARY.contains(name);
  }

  private static boolean unary(String name, Object value) {
    return switch (name) {
      case "odd" -> Values.equal(Operators.binary("%", value, 2L), 1L);
      case "even" -> Values.equal(Operators.binary("%", value, 2L), 0L);
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "filter" -> Values.hashKey(value) instanceof String of && Filters.isKnown(of);
      case "test" -> Values.hashKey(value) instanceof String of && isKnown(of);
      case "none" -> value == None.NONE;
      case "boolean" -> value instanceof Boolean;
      case "false" -> Boolean.FALSE.equals(value);
      case "true" -> Boolean.TRUE.equals(value);
      case "integer" -> Numbers.isWhole(value) && !(value instanceof Boolean);
      case "float" -> value instanceof Double;
      case "lower" -> Caseless.isAll(Shown.str(value), false);
      case "upper" -> Caseless.isAll(Shown.str(value), true);
      case "string" -> value instanceof Text;
      case "mapping" -> value instanceof Dict;
      case "number" -> Numbers.isNumber(value);
      case "sequence" ->
          value instanceof Text
              || value instanceof Sequence
              || value instanceof Dict
              || value instanceof Range
              || value instanceof Undefined;
      case "iterable" -> isIterable(value);
      case "callable" ->
          value instanceof Function
              || value instanceof Macro
              || value instanceof Loop
              || value instanceof Undefined;
      case "escaped" -> value instanceof Text text && text.safe();
      default -> throw new TemplateException("No test named '" + name + "'.");
    };
  }

  private static boolean isIterable(Object value) {
    return value instanceof OneShot || value instanceof Loop || Values.iterator(value) != null;
  }

  @SuppressWarnings("ReferenceEquality") // what 'sameas' asks for
  private static boolean binary(String name, Object value, Object other) {
    return switch (name) {
      case "divisibleby" -> Values.equal(Operators.binary("%", value, other), 0L);
      case "sameas" -> value == other || (isSmall(value) && isSmall(other) && value.equals(other));
      case "in" -> Operators.compare("in", value, other);
      case "==", "eq", "equalto" -> Operators.compare("==", value, other);
      case "!=", "ne" -> Operators.compare("!=", value, other);
      case ">", "gt", "greaterthan" -> Operators.compare(">", value, other);
      case ">=", "ge" -> Operators.compare(">=", value, other);
      case "<", "lt", "lessthan" -> Operators.compare("<", value, other);
      default -> Operators.compare("<=", value, other);
    };
  }

  /** What Python has one object for. */
  private static boolean isSmall(Object value) {
    return value instanceof Boolean
        || (value instanceof Long number && number >= -5 && number <= 256);
  }
}
