package dev.baton.template;

import java.util.ArrayList;
import java.util.List;

/** An attribute of an attribute, as filters take them: {@code "function.name"}, {@code "a.0"}. */
record AttributePath(List<Object> parts) {
  static AttributePath of(Object attribute) {
    List<Object> parts = new ArrayList<>();
    if (attribute instanceof Text text) {
      for (String part : text.chars().split("\\.", -1)) {
        boolean isIndex = !part.isEmpty() && part.chars().allMatch(c -> c >= '0' && c <= '9');
        parts.add(isIndex && part.length() < 10 ? (Object) Long.valueOf(part) : Text.of(part));
      }
    } else if (attribute != None.NONE) {
      parts.add(attribute);
    }
    return new AttributePath(parts);
  }

  Object of(Object item, Object otherwise) {
    Object value = item;
    for (Object part : parts) {
      value = Attributes.item(value, part);
      if (value instanceof Undefined && otherwise != None.NONE) {
        value = otherwise;
      }
    }
    return value;
  }
}
