package dev.baton.template;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Filters that order their items. */
final class Sorting {
  private Sorting() {}

  /** What an item is ordered by: texts without their case unless that counts. */
  static Object key(Object value, boolean caseSensitive) {
    return value instanceof Text text && !caseSensitive ? Caseless.lower(text) : value;
  }

  private static Comparator<Object[]> byKey(boolean reverse) {
    Comparator<Object[]> order = (left, right) -> Values.compare(left[0], right[0], "<");
    return reverse ? order.reversed() : order;
  }

  private static List<Object> sorted(List<Object[]> keyed, boolean reverse) {
    keyed.sort(byKey(reverse));
    List<Object> items = new ArrayList<>();
    keyed.forEach(each -> items.add(each[1]));
    return items;
  }

  static Object sort(Object value, Arguments given) {
    Arguments.Bound of = given.bind("sort", "reverse=", "case_sensitive=", "attribute=");
    List<AttributePath> paths = new ArrayList<>();
    if (of.get(2, None.NONE) instanceof Text names) {
      for (String name : names.chars().split(",", -1)) {
        paths.add(AttributePath.of(Text.of(name)));
      }
    } else {
      paths.add(AttributePath.of(of.get(2, None.NONE)));
    }
    List<Object[]> keyed = new ArrayList<>();
    for (Object item : Values.list(value)) {
      List<Object> keys = new ArrayList<>();
      paths.forEach(path -> keys.add(key(path.of(item, None.NONE), of.truth(1))));
      keyed.add(new Object[] {Sequence.list(keys), item});
    }
    return Sequence.list(sorted(keyed, of.truth(0)));
  }

  static Object dictSort(Object value, Arguments given) {
    Arguments.Bound of = given.bind("dictsort", "case_sensitive=", "by=", "reverse=");
    Object by = of.get(1, Text.of("key"));
    boolean byValue = by.equals(Text.of("value"));
    if (!byValue && !by.equals(Text.of("key"))) {
      throw new TemplateException("You can only sort by either \"key\" or \"value\"");
    }
    if (!(value instanceof Dict dict)) {
      Values.defined(value);
      throw new TemplateException(
          "'" + Values.typeName(value) + "' object has no attribute 'items'");
    }
    List<Object[]> keyed = new ArrayList<>();
    for (Object item : dict.items()) {
      Object part = ((Sequence) item).items().get(byValue ? 1 : 0);
      keyed.add(new Object[] {key(part, of.truth(0)), item});
    }
    return Sequence.list(sorted(keyed, of.truth(2)));
  }

  static Object groups(Object value, Arguments given) {
    Arguments.Bound of = given.bind("groupby", "attribute", "default=", "case_sensitive=");
    AttributePath path = AttributePath.of(of.get(0));
    Object otherwise = of.get(1, None.NONE);
    boolean sensitive = of.truth(2);
    List<Object[]> keyed = new ArrayList<>();
    for (Object item : Values.list(value)) {
      keyed.add(new Object[] {key(path.of(item, otherwise), sensitive), item});
    }
    keyed.sort(byKey(false));
    List<Object> groups = new ArrayList<>();
    for (int i = 0; i < keyed.size(); ) {
      Object key = keyed.get(i)[0];
      Object shown = sensitive ? key : path.of(keyed.get(i)[1], otherwise);
      List<Object> items = new ArrayList<>();
      for (; i < keyed.size() && Values.equal(keyed.get(i)[0], key); i++) {
        items.add(keyed.get(i)[1]);
      }
      groups.add(
          new Sequence(List.of(shown, Sequence.list(items)), true, List.of("grouper", "list")));
    }
    return Sequence.list(groups);
  }
}
