package dev.baton.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Python's {@code dict}: in order of insertion, keys compared as Python does. */
final class Dict {
  private record Entry(Object key, Object value) {}

  private final Map<Object, Entry> entries = new LinkedHashMap<>();

  static Dict of(Map<String, Object> values) {
    Dict dict = new Dict();
    values.forEach((key, value) -> dict.put(Text.of(key), value));
    return dict;
  }

  void put(Object key, Object value) {
    Object hash = Values.hashKey(key);
    Entry known = entries.get(hash);
    entries.put(hash, new Entry(known == null ? key : known.key, value));
  }

  void putAll(Dict other) {
    other.entries.values().forEach(entry -> put(entry.key, entry.value));
  }

  @Nullable Object get(Object key) {
    Entry entry = entries.get(Values.hashKey(key));
    return entry == null ? null : entry.value;
  }

  int size() {
    return entries.size();
  }

  List<Object> keys() {
    List<Object> keys = new ArrayList<>(size());
    entries.values().forEach(entry -> keys.add(entry.key));
    return keys;
  }

  List<Object> values() {
    List<Object> values = new ArrayList<>(size());
    entries.values().forEach(entry -> values.add(entry.value));
    return values;
  }

  /** Pairs of key and value. */
  List<Object> items() {
    List<Object> items = new ArrayList<>(size());
    entries.values().forEach(entry -> items.add(Sequence.tuple(entry.key, entry.value)));
    return items;
  }

  boolean isEqualTo(Dict other) {
    if (size() != other.size()) {
      return false;
    }
    Budget.charge(size());
    for (Map.Entry<Object, Entry> each : entries.entrySet()) {
      Entry theirs = other.entries.get(each.getKey());
      if (theirs == null || !Values.equal(each.getValue().value, theirs.value)) {
        return false;
      }
    }
    return true;
  }

  /** {@code keys()}, {@code values()} or {@code items()}, which follow the dict. */
  record View(Dict dict, Kind kind) {
    enum Kind {
      KEYS,
      VALUES,
      ITEMS
    }

    List<Object> list() {
      return switch (kind) {
        case KEYS -> dict.keys();
        case VALUES -> dict.values();
        case ITEMS -> dict.items();
      };
    }
  }
}
