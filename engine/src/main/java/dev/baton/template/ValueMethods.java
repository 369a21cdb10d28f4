package dev.baton.template;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The methods of dicts, lists, tuples and numbers that change nothing. */
final class ValueMethods {
  private static final Set<String> OF_DICT =
      Set.of("keys", "values", "items", "get", "copy", "fromkeys");

  private ValueMethods() {}

  static boolean isKnownOfDict(String name) {
    return OF_DICT.contains(name);
  }

  static Object ofDict(Dict dict, String name, Arguments given) {
    return switch (name) {
      case "get" -> {
        Arguments.Bound of = given.bind(name, "key", "default=");
        Object value = dict.get(of.get(0));
        yield value == null ? of.get(1, None.NONE) : value;
      }
      case "fromkeys" -> {
        Arguments.Bound of = given.bind(name, "iterable", "value=");
        Dict made = new Dict();
        for (Object key : Values.list(of.get(0))) {
          made.put(key, of.get(1, None.NONE));
        }
        yield made;
      }
      default -> {
        given.bind(name);
        if (name.equals("copy")) {
          Dict copy = new Dict();
          copy.putAll(dict);
          yield copy;
        }
        yield new Dict.View(
            dict,
            switch (name) {
              case "keys" -> Dict.View.Kind.KEYS;
              case "values" -> Dict.View.Kind.VALUES;
              default -> Dict.View.Kind.ITEMS;
            });
      }
    };
  }

  static Object ofSequence(Sequence sequence, String name, Arguments given) {
    List<Object> items = sequence.items();
    return switch (name) {
      case "count" -> {
        Object item = given.bind(name, "value").get(0);
        yield items.stream().filter(each -> Values.equal(each, item)).count();
      }
      case "index" -> {
        Arguments.Bound of = given.bind(name, "value", "start=", "stop=");
        int from = place(of.get(1, 0L), items.size());
        int to = place(of.get(2, (long) items.size()), items.size());
        for (int i = from; i < Math.min(to, items.size()); i++) {
          if (Values.equal(items.get(i), of.get(0))) {
            yield (long) i;
          }
        }
        throw new TemplateException(
            sequence.isTuple()
                ? "tuple.index(x): x not in tuple"
                : Shown.repr(of.get(0)) + " is not in list");
      }
      default -> {
        given.bind(name);
        yield Sequence.list(items);
      }
    };
  }

  private static int place(Object bound, int size) {
    int at = Values.index(bound);
    return Math.max(0, at < 0 ? at + size : at);
  }

  /** An attribute or method of a number, or null. */
  static @Nullable Object ofNumber(Object number, String name) {
    return switch (name) {
      case "real" -> Operators.signed(false, number);
      case "imag" -> number instanceof Double ? (Object) 0.0 : (Object) 0L;
      case "is_integer" ->
          number instanceof Double real
              ? Function.method(name, "float", given -> real == Math.rint(real))
              : null;
      case "conjugate" ->
          Function.method(name, Values.typeName(number), given -> Operators.signed(false, number));
      case "numerator" -> Numbers.isWhole(number) ? Operators.signed(false, number) : null;
      case "denominator" -> Numbers.isWhole(number) ? (Object) 1L : null;
      case "bit_length" ->
          Numbers.isWhole(number)
              ? Function.method(name, "int", given -> (long) Numbers.big(number).abs().bitLength())
              : null;
      default -> null;
    };
  }
}
