package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The operators, filters, tests and methods of {@link JinjaRenderer}. Each is Python's for the
 * values that it takes here, and refused for all others.
 */
final class JinjaLibrary {
  private JinjaLibrary() {}

  static boolean truth(@Nullable Object value) {
    return switch (value) {
      case null -> false;
      case Boolean flag -> flag;
      case Long number -> number != 0;
      case String text -> !text.isEmpty();
      case List<?> list -> !list.isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      case Optional<?> _ -> false;
      default -> true;
    };
  }

  /** What printing a value writes. */
  static String text(@Nullable Object value) {
    return switch (value) {
      case null -> "";
      case String text -> text;
      case Long number -> number.toString();
      case Boolean flag -> flag ? "True" : "False";
      case Optional<?> _ -> "None";
      default -> throw new JinjaException("writes out a list or an object");
    };
  }

  static List<?> list(@Nullable Object value) {
    return switch (value) {
      case List<?> list -> list;
      case Map<?, ?> map -> new ArrayList<>(map.keySet());
      case null, default -> throw new JinjaException("goes through what is no list");
    };
  }

  static Object binary(String operator, @Nullable Object left, @Nullable Object right) {
    return switch (operator) {
      case "==" -> Objects.equals(left, right);
      case "!=" -> !Objects.equals(left, right);
      case "in" -> in(left, right);
      case "~" -> text(left) + text(right);
      default -> {
        if (operator.equals("+") && left instanceof String first && right instanceof String last) {
          yield first + last;
        }
        if (operator.equals("+")
            && left instanceof List<?> first
            && right instanceof List<?> last) {
          List<Object> both = new ArrayList<>(first);
          both.addAll(last);
          yield both;
        }
        if (left instanceof Long first && right instanceof Long last) {
          yield arithmetic(operator, first, last);
        }
        throw new JinjaException("uses " + quoted(operator) + " on what is no two numbers");
      }
    };
  }

  private static Object arithmetic(String operator, long left, long right) {
    boolean divides = operator.equals("%") || operator.equals("//");
    if (divides && right == 0) {
      throw new JinjaException("divides by zero");
    }
    return switch (operator) {
      case "+" -> left + right;
      case "-" -> left - right;
      case "*" -> left * right;
      case "%" -> Math.floorMod(left, right);
      case "//" -> Math.floorDiv(left, right);
      case "<" -> left < right;
      case ">" -> left > right;
      case "<=" -> left <= right;
      case ">=" -> left >= right;
      default -> throw new JinjaException("uses the operator " + quoted(operator));
    };
  }

  private static boolean in(@Nullable Object part, @Nullable Object whole) {
    return switch (whole) {
      case String text when part instanceof String sought -> text.contains(sought);
      case List<?> list -> list.contains(part);
      case Map<?, ?> map -> map.containsKey(part);
      case null, default -> throw new JinjaException("looks for a part of what has none");
    };
  }

  static @Nullable Object filter(String name, @Nullable Object value, List<?> arguments) {
    boolean bare = arguments.isEmpty();
    if (name.equals("default") || name.equals("d")) {
      boolean falsy = arguments.size() == 2 && truth(arguments.get(1));
      boolean missing = value == null || (falsy && !truth(value));
      return !missing ? value : bare ? "" : arguments.getFirst();
    }
    if (value instanceof String text && bare) {
      switch (name) {
        case "trim":
          return JinjaText.trim(text);
        case "upper":
          return text.toUpperCase(Locale.ROOT);
        case "lower":
          return text.toLowerCase(Locale.ROOT);
        case "length", "count":
          return (long) text.codePointCount(0, text.length());
        case "string", "safe":
          return text;
        default:
      }
    }
    if (value instanceof List<?> list && bare) {
      switch (name) {
        case "length", "count":
          return (long) list.size();
        case "list":
          return list;
        case "reverse":
          return list.reversed();
        case "first":
          return list.isEmpty() ? null : list.getFirst();
        case "last":
          return list.isEmpty() ? null : list.getLast();
        default:
      }
    }
    if (value == null && bare && (name.equals("length") || name.equals("count"))) {
      return 0L;
    }
    throw new JinjaException("uses the filter " + quoted(name));
  }

  static boolean test(String name, @Nullable Object value, List<?> arguments) {
    return switch (name) {
      case "defined" -> value != null;
      case "undefined" -> value == null;
      case "none" -> value instanceof Optional;
      case "string" -> value instanceof String;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "number", "integer" -> value instanceof Long;
      case "mapping" -> value instanceof Map;
      case "sequence", "iterable" ->
          value == null || value instanceof String || value instanceof List || value instanceof Map;
      case "equalto", "eq" -> Objects.equals(value, arguments.getFirst());
      default -> throw new JinjaException("uses the test " + quoted(name));
    };
  }

  static @Nullable Object method(@Nullable Object object, String name, List<?> arguments) {
    if (object instanceof Map<?, ?> map && name.equals("get") && !arguments.isEmpty()) {
      Object other = arguments.size() > 1 ? arguments.get(1) : Optional.empty();
      return map.containsKey(arguments.getFirst()) ? map.get(arguments.getFirst()) : other;
    }
    if (object instanceof String text && arguments.isEmpty()) {
      switch (name) {
        case "strip":
          return JinjaText.trim(text);
        case "lstrip":
          return JinjaText.trimStart(text);
        case "rstrip":
          return JinjaText.trimEnd(text);
        case "upper":
          return text.toUpperCase(Locale.ROOT);
        case "lower":
          return text.toLowerCase(Locale.ROOT);
        default:
      }
    }
    if (object instanceof String text && arguments.size() == 1) {
      if (arguments.getFirst() instanceof String argument && !argument.isEmpty()) {
        switch (name) {
          case "startswith":
            return text.startsWith(argument);
          case "endswith":
            return text.endsWith(argument);
          case "split":
            return List.of(text.split(Pattern.quote(argument), -1));
          case "strip", "lstrip", "rstrip":
            return stripped(text, argument, !name.equals("rstrip"), !name.equals("lstrip"));
          default:
        }
      }
    }
    throw new JinjaException("calls the method " + quoted(name));
  }

  private static String stripped(String text, String characters, boolean left, boolean right) {
    int from = 0;
    int to = text.length();
    while (left && from < to && characters.indexOf(text.charAt(from)) >= 0) {
      from++;
    }
    while (right && to > from && characters.indexOf(text.charAt(to - 1)) >= 0) {
      to--;
    }
    return text.substring(from, to);
  }
}
