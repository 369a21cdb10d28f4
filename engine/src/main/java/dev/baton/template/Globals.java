package dev.baton.template;

import java.time.ZonedDateTime;
import java.util.List;

/** The functions that every template can call. */
final class Globals {
  private Globals() {}

  static void set(Scope scope, ZonedDateTime now) {
    add(scope, "range", Globals::range);
    add(scope, "dict", Globals::dict);
    add(scope, "namespace", given -> new Namespace(dict(given)));
    add(scope, "cycler", given -> new Cycler(given.positional()));
    add(scope, "joiner", Globals::joiner);
    add(
        scope,
        "raise_exception",
        given -> {
          Object why = given.bind("raise_exception", "message").get(0);
          throw TemplateException.refusal(Shown.str(why).chars());
        });
    add(
        scope,
        "strftime_now",
        given -> {
          Text format = Values.text(given.bind("strftime_now", "format").get(0), "strftime_now");
          return Text.of(Strftime.of(now, format.chars()));
        });
  }

  private static void add(Scope scope, String name, Function.Body body) {
    scope.set(name, Function.builtin(name, body));
  }

  private static Object range(Arguments given) {
    List<Object> bounds = given.positional();
    if (bounds.isEmpty() || bounds.size() > 3 || !given.named().isEmpty()) {
      throw new TemplateException("range expected 1 to 3 arguments, got " + bounds.size());
    }
    long first = Values.index(bounds.get(0));
    return switch (bounds.size()) {
      case 1 -> new Range(0, first, 1);
      case 2 -> new Range(first, Values.index(bounds.get(1)), 1);
      default -> new Range(first, Values.index(bounds.get(1)), Values.index(bounds.get(2)));
    };
  }

  private static Dict dict(Arguments given) {
    if (given.positional().size() > 1) {
      throw new TemplateException(
          "dict expected at most 1 argument, got " + given.positional().size());
    }
    Dict dict = new Dict();
    for (Object from : given.positional()) {
      if (from instanceof Dict other) {
        dict.putAll(other);
        continue;
      }
      for (Object item : Values.list(from)) {
        List<Object> pair = Values.list(item);
        if (pair.size() != 2) {
          throw new TemplateException(
              "dictionary update sequence element has length " + pair.size() + "; 2 is required");
        }
        dict.put(pair.get(0), pair.get(1));
      }
    }
    given.named().forEach((name, value) -> dict.put(Text.of(name), value));
    return dict;
  }

  private static Object joiner(Arguments given) {
    Object separator = given.bind("joiner", "sep=").get(0, Text.of(", "));
    boolean[] used = {false};
    return Function.builtin(
        "joiner",
        nothing -> {
          boolean first = !used[0];
          used[0] = true;
          return first ? Text.EMPTY : separator;
        });
  }
}
