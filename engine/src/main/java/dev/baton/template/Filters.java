package dev.baton.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/** What stands behind {@code |}: filters of lists and of any value, by jinja2's rules. */
final class Filters {
  private static final Set<String> NAMES =
      Set.of(
          "abs",
          "attr",
          "batch",
          "capitalize",
          "center",
          "count",
          "d",
          "default",
          "dictsort",
          "e",
          "escape",
          "filesizeformat",
          "first",
          "float",
          "forceescape",
          "format",
          "groupby",
          "indent",
          "int",
          "join",
          "last",
          "length",
          "list",
          "lower",
          "items",
          "map",
          "min",
          "max",
          "reject",
          "rejectattr",
          "replace",
          "reverse",
          "round",
          "safe",
          "select",
          "selectattr",
          "slice",
          "sort",
          "string",
          "striptags",
          "sum",
          "title",
          "trim",
          "truncate",
          "unique",
          "upper",
          "urlencode",
          "wordcount",
          "tojson");

  private Filters() {}

  static boolean isKnown(String name) {
    return NAMES.contains(name);
  }

  static Object filter(String name, Object value, Arguments given, Budget budget) {
    return switch (name) {
      case "default", "d" -> {
        Arguments.Bound of = given.bind(name, "default_value=", "boolean=");
        boolean replaces = value instanceof Undefined || (of.truth(1) && !Values.truth(value));
        yield replaces ? of.get(0, Text.EMPTY) : value;
      }
      case "tojson" -> Json.of(value, given);
      case "length", "count" -> {
        given.bind(name);
        yield Values.length(value);
      }
      case "list" -> {
        given.bind(name);
        yield Sequence.list(new ArrayList<>(Values.list(value)));
      }
      case "items" -> items(value, given);
      case "attr" -> {
        Object attribute = given.bind(name, "name").get(0);
        Object found = Attributes.attribute(value, Values.text(attribute, "attr").chars());
        boolean isItem = value instanceof Dict && !(found instanceof Function);
        yield isItem ? Attributes.missing(value, attribute) : found;
      }
      case "abs", "int", "float", "round", "filesizeformat" ->
          NumberFilters.filter(name, value, given);
      case "map" -> mapped(value, given, budget);
      case "select", "reject", "selectattr", "rejectattr" -> selected(name, value, given, budget);
      case "first",
          "last",
          "reverse",
          "min",
          "max",
          "sum",
          "sort",
          "unique",
          "batch",
          "slice",
          "join",
          "dictsort",
          "groupby" ->
          list(name, value, given, budget);
      default -> TextFilters.filter(name, value, given);
    };
  }

  private static Object items(Object value, Arguments given) {
    given.bind("items");
    if (value instanceof Undefined) {
      return OneShot.generator(Collections.emptyIterator());
    }
    if (value instanceof Dict dict) {
      return OneShot.generator(dict.items().iterator());
    }
    throw new TemplateException("Can only get item pairs from a mapping.");
  }

  private static Object mapped(Object value, Arguments given, Budget budget) {
    if (!Values.truth(value)) {
      return OneShot.generator(Collections.emptyIterator());
    }
    Iterator<Object> items = budget.counted(Values.iterate(value));
    if (given.positional().isEmpty() && given.named().containsKey("attribute")) {
      Arguments.Bound of = given.bind("map", "attribute", "default=");
      AttributePath path = AttributePath.of(of.get(0));
      Object otherwise = of.get(1, None.NONE);
      return OneShot.generator(Lazily.map(items, item -> path.of(item, otherwise)));
    }
    if (given.positional().isEmpty()) {
      throw new TemplateException("map requires a filter argument");
    }
    String name = Values.text(given.positional().getFirst(), "map").chars();
    Arguments rest = given.from(1);
    return OneShot.generator(
        Lazily.map(items, item -> budget.made(filter(name, item, rest, budget))));
  }

  private static Object selected(String name, Object value, Arguments given, Budget budget) {
    if (!Values.truth(value)) {
      return OneShot.generator(Collections.emptyIterator());
    }
    boolean byAttribute = name.endsWith("attr");
    boolean wanted = name.startsWith("select");
    if (byAttribute && given.positional().isEmpty()) {
      throw new TemplateException("Missing parameter for attribute name");
    }
    AttributePath path = AttributePath.of(byAttribute ? given.positional().getFirst() : None.NONE);
    Arguments rest = byAttribute ? given.from(1) : given;
    Iterator<Object> items = budget.counted(Values.iterate(value));
    return OneShot.generator(
        Lazily.filter(
            items,
            item -> {
              Object looked = path.of(item, None.NONE);
              if (rest.positional().isEmpty()) {
                return Values.truth(looked) == wanted;
              }
              String test = Values.text(rest.positional().getFirst(), name).chars();
              return Tests.test(test, looked, rest.from(1)) == wanted;
            }));
  }

  private static Object list(String name, Object value, Arguments given, Budget budget) {
    return switch (name) {
      case "first" -> {
        given.bind(name);
        Iterator<Object> items = Values.iterate(value);
        yield items.hasNext() ? items.next() : new Undefined("No first item, sequence was empty.");
      }
      case "last" -> {
        given.bind(name);
        List<Object> items = reversible(value);
        yield items.isEmpty()
            ? new Undefined("No last item, sequence was empty.")
            : items.getLast();
      }
      case "reverse" -> {
        given.bind(name);
        if (value instanceof Text text) {
          yield Attributes.slice(text, new Slice(None.NONE, None.NONE, -1L));
        }
        List<Object> items = new ArrayList<>(Values.list(value));
        Collections.reverse(items);
        yield value instanceof OneShot
            ? Sequence.list(items)
            : new OneShot(items.iterator(), "list_reverseiterator");
      }
      case "min", "max" -> extreme(name, value, given);
      case "sum" -> sum(value, given);
      case "sort" -> Sorting.sort(value, given);
      case "dictsort" -> Sorting.dictSort(value, given);
      case "groupby" -> Sorting.groups(value, given);
      case "unique" -> unique(value, given, budget);
      case "join" -> joined(value, given);
      case "batch" -> Lazily.batches(value, given);
      default -> Lazily.slices(value, given);
    };
  }

  private static List<Object> reversible(Object value) {
    if (value instanceof OneShot once) {
      throw new TemplateException("'" + once.typeName() + "' object is not reversible");
    }
    Values.iterate(value);
    return Values.list(value);
  }

  private static Object extreme(String name, Object value, Arguments given) {
    Arguments.Bound of = given.bind(name, "case_sensitive=", "attribute=");
    AttributePath path = AttributePath.of(of.get(1, None.NONE));
    Object best = null;
    Object bestKey = null;
    Iterator<Object> items = Values.iterate(value);
    while (items.hasNext()) {
      Object item = items.next();
      Object key = Sorting.key(path.of(item, None.NONE), of.truth(0));
      boolean least = name.equals("min");
      if (bestKey == null || Operators.compare(least ? "<" : ">", key, bestKey)) {
        best = item;
        bestKey = key;
      }
    }
    return best == null ? new Undefined("No aggregated item, sequence was empty.") : best;
  }

  private static Object sum(Object value, Arguments given) {
    Arguments.Bound of = given.bind("sum", "attribute=", "start=");
    AttributePath path = AttributePath.of(of.get(0, None.NONE));
    Object sum = of.get(1, 0L);
    if (sum instanceof Text) {
      throw new TemplateException("sum() can't sum strings [use ''.join(seq) instead]");
    }
    Iterator<Object> items = Values.iterate(value);
    while (items.hasNext()) {
      sum = Operators.binary("+", sum, path.of(items.next(), None.NONE));
    }
    return sum;
  }

  private static Object unique(Object value, Arguments given, Budget budget) {
    Arguments.Bound of = given.bind("unique", "case_sensitive=", "attribute=");
    AttributePath path = AttributePath.of(of.get(1, None.NONE));
    boolean sensitive = of.truth(0);
    Set<Object> seen = new HashSet<>();
    return OneShot.generator(
        Lazily.filter(
            budget.counted(Values.iterate(value)),
            item -> seen.add(Values.hashKey(Sorting.key(path.of(item, None.NONE), sensitive)))));
  }

  private static Object joined(Object value, Arguments given) {
    Arguments.Bound of = given.bind("join", "d=", "attribute=");
    AttributePath path = AttributePath.of(of.get(1, None.NONE));
    Text separator = Shown.str(of.get(0, Text.EMPTY));
    TextBuilder text = new TextBuilder();
    Iterator<Object> items = Values.iterate(value);
    boolean first = true;
    while (items.hasNext()) {
      if (!first) {
        text.append(separator);
      }
      text.append(Shown.str(path.of(items.next(), None.NONE)));
      first = false;
    }
    return text.text();
  }
}
