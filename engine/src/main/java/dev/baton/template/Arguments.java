package dev.baton.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The values of a call, by place and by name. */
record Arguments(List<Object> positional, Map<String, Object> named) {
  static final Arguments NONE = new Arguments(List.of(), Map.of());

  static Arguments of(Object... positional) {
    return new Arguments(List.of(positional), Map.of());
  }

  /** Those after the first ones. */
  Arguments from(int first) {
    return new Arguments(positional.subList(first, positional.size()), named);
  }

  /** These, and one more by name. */
  Arguments with(String name, Object value) {
    Map<String, Object> more = new LinkedHashMap<>(named);
    if (more.put(name, value) != null) {
      throw new TemplateException("got multiple values for keyword argument '" + name + "'");
    }
    return new Arguments(positional, more);
  }

  /**
   * The values of a function's parameters.
   *
   * @param parameters names; one that ends in {@code =} may be left out
   */
  Bound bind(String function, String... parameters) {
    if (positional.size() > parameters.length) {
      throw new TemplateException(
          function
              + "() takes at most "
              + parameters.length
              + " arguments, not "
              + positional.size());
    }
    List<@Nullable Object> values = new ArrayList<>();
    Map<String, Object> rest = new LinkedHashMap<>(named);
    for (int i = 0; i < parameters.length; i++) {
      boolean optional = parameters[i].endsWith("=");
      String name = optional ? parameters[i].replace("=", "") : parameters[i];
      Object value = rest.remove(name);
      if (i < positional.size()) {
        if (value != null) {
          throw new TemplateException(
              function + "() got multiple values for argument '" + name + "'");
        }
        value = positional.get(i);
      }
      if (value == null && !optional) {
        throw new TemplateException(function + "() missing required argument '" + name + "'");
      }
      values.add(value);
    }
    for (String name : rest.keySet()) {
      throw new TemplateException(
          function + "() got an unexpected keyword argument '" + name + "'");
    }
    return new Bound(values);
  }

  /** Values by the place of their parameter. */
  record Bound(List<@Nullable Object> values) {
    Object get(int place) {
      Object value = values.get(place);
      if (value == null) {
        throw new IllegalStateException("parameter " + place + " is optional");
      }
      return value;
    }

    Object get(int place, Object otherwise) {
      Object value = values.get(place);
      return value == null ? otherwise : value;
    }

    boolean isGiven(int place) {
      Object value = values.get(place);
      return value != null && value != None.NONE;
    }

    boolean truth(int place) {
      return Values.truth(get(place, false));
    }
  }
}
