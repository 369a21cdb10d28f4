package dev.baton.template;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * {@code value.name} and {@code value[key]} as in jinja2's sandbox, where what would change a value
 * is out of reach.
 */
final class Attributes {
  private static final Set<String> CHANGE_LISTS =
      Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
  private static final Set<String> CHANGE_DICTS =
      Set.of("clear", "pop", "popitem", "setdefault", "update");

  private Attributes() {}

  /** {@code of.name}: an attribute first, then an item. */
  static Object attribute(Object of, String name) {
    Object found = own(of, name);
    if (found != null) {
      return found;
    }
    Object item = of instanceof Dict dict ? dict.get(Text.of(name)) : null;
    return item == null ? missing(of, name) : item;
  }

  /** {@code of[key]}: an item first, then an attribute. */
  static Object item(Object of, Object key) {
    Values.defined(of);
    Object found =
        switch (of) {
          case Dict dict -> isHashable(key) ? dict.get(key) : null;
          case Sequence sequence -> at(sequence.items(), key);
          case Range range -> at(range.list(), key);
          case Text text when Numbers.isWhole(key) -> character(text, Values.index(key));
          default -> null;
        };
    if (found == null && key instanceof Text name) {
      found = own(of, name.chars());
    }
    return found == null ? missing(of, key) : found;
  }

  private static boolean isHashable(Object key) {
    return switch (key) {
      case Dict _ -> false;
      case Sequence sequence ->
          sequence.isTuple() && sequence.items().stream().allMatch(Attributes::isHashable);
      default -> true;
    };
  }

  private static @Nullable Object at(List<Object> items, Object key) {
    if (!Numbers.isWhole(key)) {
      return null;
    }
    int at = place(Values.index(key), items.size());
    return at < 0 ? null : items.get(at);
  }

  private static @Nullable Object character(Text text, int index) {
    int at = place(index, text.length());
    if (at < 0) {
      return null;
    }
    int unit = text.unit(at);
    int end = unit + Character.charCount(text.chars().codePointAt(unit));
    return text.part(unit, end);
  }

  /** Counted from the end where negative; -1 outside. */
  private static int place(int index, int size) {
    int at = index < 0 ? index + size : index;
    return at >= size ? -1 : Math.max(at, -1);
  }

  static Object slice(Object of, Slice slice) {
    Values.defined(of);
    Object part = slice.of(of);
    if (part == null) {
      throw new TemplateException(
          of instanceof Dict
              ? "unhashable type: 'slice'"
              : "'" + Values.typeName(of) + "' object is not subscriptable");
    }
    return part;
  }

  /** What {@code getattr} finds, or null. */
  private static @Nullable Object own(Object of, String name) {
    return switch (of) {
      case Undefined undefined -> throw undefined.failure();
      case Namespace(Dict attributes) -> attributes.get(Text.of(name));
      case Loop loop -> orNull(loop.attribute(name));
      case Macro macro -> orNull(macro.attribute(name));
      case Text text ->
          StringMethods.isKnown(name)
              ? Function.method(name, "str", given -> StringMethods.call(text, name, given))
              : null;
      case Dict dict -> {
        if (CHANGE_DICTS.contains(name)) {
          yield unsafe(of, name);
        }
        yield ValueMethods.isKnownOfDict(name)
            ? Function.method(name, "dict", given -> ValueMethods.ofDict(dict, name, given))
            : null;
      }
      case Sequence sequence -> sequence(sequence, name);
      case Range range -> {
        Sequence numbers = Sequence.list(range.list());
        yield name.equals("index") || name.equals("count")
            ? Function.method(name, "range", given -> ValueMethods.ofSequence(numbers, name, given))
            : null;
      }
      case Cycler cycler -> cycler.attribute(name);
      default -> Numbers.isNumber(of) ? ValueMethods.ofNumber(of, name) : null;
    };
  }

  private static @Nullable Object sequence(Sequence sequence, String name) {
    int field = sequence.fields().indexOf(name);
    if (field >= 0) {
      return sequence.items().get(field);
    }
    if (!sequence.isTuple() && CHANGE_LISTS.contains(name)) {
      return unsafe(sequence, name);
    }
    boolean known = name.equals("index") || name.equals("count");
    boolean copies = name.equals("copy") && !sequence.isTuple();
    return known || copies
        ? Function.method(
            name,
            Values.typeName(sequence),
            given -> ValueMethods.ofSequence(sequence, name, given))
        : null;
  }

  private static @Nullable Object orNull(Object value) {
    return value instanceof Undefined undefined && undefined.why().contains("has no attribute")
        ? null
        : value;
  }

  private static Undefined unsafe(Object of, String name) {
    return new Undefined(
        "access to attribute '" + name + "' of '" + Values.typeName(of) + "' object is unsafe.");
  }

  static Undefined missing(Object of, Object key) {
    String object = Values.objectName(of);
    return new Undefined(
        key instanceof String || key instanceof Text
            ? "'" + object + "' has no attribute '" + key + "'"
            : object + " has no element " + Shown.repr(key));
  }
}
