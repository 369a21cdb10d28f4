package dev.baton.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What Python does with any value: truth, equality, order, iteration. */
final class Values {
  private Values() {}

  /** A value of the caller's; its strings are marked, but for {@link Template.Trusted}. */
  static Object input(@Nullable Object value) {
    return switch (value) {
      case null -> None.NONE;
      case Template.Trusted(String text) -> Text.of(text);
      case String text -> Text.marked(text);
      case Boolean truth -> truth;
      case BigInteger number -> Numbers.whole(number);
      case BigDecimal number -> number.doubleValue();
      case Double number -> number;
      case Float number -> number.doubleValue();
      case Number number -> number.longValue();
      case Map<?, ?> map -> {
        Dict dict = new Dict();
        map.forEach((key, each) -> dict.put(input(key), input(each)));
        yield dict;
      }
      case Iterable<?> list -> {
        List<Object> items = new ArrayList<>();
        list.forEach(each -> items.add(input(each)));
        yield Sequence.list(items);
      }
      default ->
          throw new IllegalArgumentException("a template takes no " + value.getClass().getName());
    };
  }

  static boolean truth(Object value) {
    return switch (value) {
      case Boolean truth -> truth;
      case None _ -> false;
      case Undefined _ -> false;
      case Text text -> !text.isEmpty();
      case Long number -> number != 0;
      case BigInteger _ -> true;
      case Double number -> number != 0;
      case Sequence sequence -> sequence.size() > 0;
      case Dict dict -> dict.size() > 0;
      case Dict.View view -> view.dict().size() > 0;
      case Range range -> range.size() > 0;
      default -> true;
    };
  }

  static String typeName(Object value) {
    return switch (value) {
      case Boolean _ -> "bool";
      case None _ -> "NoneType";
      case Undefined _ -> "Undefined";
      case Text text -> text.safe() ? "Markup" : "str";
      case Long _ -> "int";
      case BigInteger _ -> "int";
      case Double _ -> "float";
      case Sequence sequence -> sequence.isTuple() ? "tuple" : "list";
      case Dict _ -> "dict";
      case Dict.View view -> "dict_" + Caseless.lower(view.kind().name());
      case Range _ -> "range";
      case OneShot once -> once.typeName();
      case Namespace _ -> "Namespace";
      case Function function -> function.typeName();
      case Macro _ -> "Macro";
      case Loop _ -> "LoopContext";
      case Slice _ -> "slice";
      default -> "object";
    };
  }

  /** What an undefined attribute's error says of its object. */
  static String objectName(Object value) {
    return switch (value) {
      case None _ -> "None";
      case Namespace _ -> "jinja2.utils.Namespace object";
      case Macro _ -> "jinja2.runtime.Macro object";
      case Loop _ -> "jinja2.runtime.LoopContext object";
      default -> typeName(value) + " object";
    };
  }

  @SuppressWarnings("ReferenceEquality") // the same value is equal without a look at it
  static boolean equal(Object left, Object right) {
    if (left == right) {
      return true;
    }
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      return Numbers.equal(left, right);
    }
    return switch (left) {
      case Text text -> text.equals(right);
      case Undefined _ -> right instanceof Undefined;
      case Sequence sequence ->
          right instanceof Sequence other
              && sequence.isTuple() == other.isTuple()
              && allEqual(sequence.items(), other.items());
      case Dict dict -> right instanceof Dict other && dict.isEqualTo(other);
      case Range range -> right instanceof Range other && range.list().equals(other.list());
      case Dict.View view ->
          right instanceof Dict.View other
              && view.kind() == other.kind()
              && view.kind() != Dict.View.Kind.VALUES
              && view.list().size() == other.list().size()
              && view.list().stream().allMatch(each -> contains(other.list(), each));
      default -> false;
    };
  }

  private static boolean allEqual(List<Object> left, List<Object> right) {
    if (left.size() != right.size()) {
      return false;
    }
    Budget.charge(left.size());
    Iterator<Object> theirs = right.iterator();
    for (Object each : left) {
      if (!equal(each, theirs.next())) {
        return false;
      }
    }
    return true;
  }

  static boolean contains(List<Object> items, Object item) {
    Budget.charge(items.size());
    for (Object each : items) {
      if (equal(each, item)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Python's order.
   *
   * @param operator named where there is none
   */
  static int compare(Object left, Object right, String operator) {
    if (left instanceof Text text && right instanceof Text other) {
      return text.compareTo(other);
    }
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      return Numbers.compare(left, right);
    }
    if (left instanceof Sequence mine
        && right instanceof Sequence other
        && mine.isTuple() == other.isTuple()) {
      for (int i = 0; i < Math.min(mine.size(), other.size()); i++) {
        if (!equal(mine.items().get(i), other.items().get(i))) {
          return compare(mine.items().get(i), other.items().get(i), operator);
        }
      }
      return Integer.compare(mine.size(), other.size());
    }
    defined(left);
    defined(right);
    throw new TemplateException(
        "'%s' not supported between instances of '%s' and '%s'"
            .formatted(operator, typeName(left), typeName(right)));
  }

  /** What stands for a value among a dict's keys. */
  static Object hashKey(Object key) {
    return switch (key) {
      case Text text -> text.chars();
      case Boolean truth -> truth ? 1L : 0L;
      case Double number -> {
        boolean isWhole = number == Math.rint(number) && !Double.isInfinite(number);
        yield isWhole ? Numbers.whole(new BigDecimal(number).toBigInteger()) : number;
      }
      case Sequence sequence -> {
        if (!sequence.isTuple()) {
          throw new TemplateException("unhashable type: 'list'");
        }
        Budget.charge(sequence.size());
        yield sequence.items().stream().map(Values::hashKey).toList();
      }
      case Dict _ -> throw new TemplateException("unhashable type: 'dict'");
      case Undefined _ -> Undefined.class;
      default -> key;
    };
  }

  /** The items of what can be gone through, or null. */
  static @Nullable Iterator<Object> iterator(Object value) {
    return switch (value) {
      case Sequence sequence -> sequence.items().iterator();
      case Text text -> characters(text).iterator();
      case Dict dict -> dict.keys().iterator();
      case Dict.View view -> view.list().iterator();
      case Range range -> range.list().iterator();
      case OneShot once -> once.items();
      case Undefined _ -> List.<Object>of().iterator();
      case Loop loop -> loop.pairs();
      default -> null;
    };
  }

  static Iterator<Object> iterate(Object value) {
    Iterator<Object> items = iterator(value);
    if (items == null) {
      throw new TemplateException("'" + typeName(value) + "' object is not iterable");
    }
    return items;
  }

  static List<Object> list(Object value) {
    if (value instanceof Sequence sequence) {
      return sequence.items();
    }
    List<Object> items = new ArrayList<>();
    Iterator<Object> each = iterate(value);
    while (each.hasNext()) {
      items.add(each.next());
      if (items.size() > Budget.MOST_ITEMS) {
        throw new TemplateException("makes a list of too many items");
      }
    }
    return items;
  }

  private static List<Object> characters(Text text) {
    List<Object> characters = new ArrayList<>();
    String chars = text.chars();
    for (int at = 0; at < chars.length(); ) {
      int end = at + Character.charCount(chars.codePointAt(at));
      characters.add(text.part(at, end).asSafe(false));
      at = end;
    }
    return characters;
  }

  /** Python's {@code len}, or -1 where there is none. */
  static int size(Object value) {
    return switch (value) {
      case Text text -> text.length();
      case Sequence sequence -> sequence.size();
      case Dict dict -> dict.size();
      case Dict.View view -> view.dict().size();
      case Range range -> range.size();
      case Undefined _ -> 0;
      case Loop loop -> loop.length();
      default -> -1;
    };
  }

  static long length(Object value) {
    int size = size(value);
    if (size < 0) {
      throw new TemplateException("object of type '" + typeName(value) + "' has no len()");
    }
    return size;
  }

  /** Python's {@code in}. */
  static boolean isIn(Object item, Object container) {
    return switch (container) {
      case Text text -> {
        if (item instanceof Text part) {
          yield text.chars().contains(part.chars());
        }
        throw new TemplateException(
            "'in <string>' requires string as left operand, not " + typeName(item));
      }
      case Dict dict -> dict.get(item) != null;
      default -> {
        Iterator<Object> items = iterator(container);
        if (items == null) {
          throw new TemplateException(
              "argument of type '" + typeName(container) + "' is not iterable");
        }
        while (items.hasNext()) {
          Budget.charge(1);
          if (equal(items.next(), item)) {
            yield true;
          }
        }
        yield false;
      }
    };
  }

  /** The value, unless it is undefined, which is an error then. */
  static Object defined(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    return value;
  }

  /** A whole number that is an index or a count. */
  static int index(Object value) {
    if (value instanceof Boolean truth) {
      return truth ? 1 : 0;
    }
    if (value instanceof Long number) {
      return Math.clamp(number, -Integer.MAX_VALUE, Integer.MAX_VALUE);
    }
    if (value instanceof BigInteger number) {
      return number.signum() * Integer.MAX_VALUE;
    }
    defined(value);
    throw new TemplateException(
        "'" + typeName(value) + "' object cannot be interpreted as an integer");
  }

  static Text text(Object value, String of) {
    if (value instanceof Text text) {
      return text;
    }
    defined(value);
    throw new TemplateException(of + " takes a str, not '" + typeName(value) + "'");
  }
}
