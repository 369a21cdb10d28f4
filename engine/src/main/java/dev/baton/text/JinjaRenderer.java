package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.text.JinjaSyntax.Argument;
import dev.baton.text.JinjaSyntax.Expr;
import dev.baton.text.JinjaSyntax.Node;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Writes what a chat template makes of a conversation, exactly or not at all: a part of Jinja that
 * is not known here ends with a {@link JinjaException} where it is reached. Values are String,
 * Long, Boolean, List, Map, {@link Optional#empty} for none, null for what is undefined, and
 * macros. One rendering a renderer.
 */
final class JinjaRenderer {
  private static final int MAX_STEPS = 100_000;
  private static final int MAX_CHARACTERS = 1 << 22;
  private static final int MAX_DEPTH = 200;

  private final Map<String, @Nullable Object> variables;
  private List<Map<String, @Nullable Object>> scopes = new ArrayList<>();
  private StringBuilder out = new StringBuilder();
  private int steps;
  private int characters;
  private int depth;

  private JinjaRenderer(Map<String, @Nullable Object> variables) {
    this.variables = variables;
    scopes.add(new HashMap<>());
  }

  /**
   * @throws JinjaException where it cannot be told what the template writes
   */
  static String render(List<Node> template, Map<String, @Nullable Object> variables) {
    JinjaRenderer renderer = new JinjaRenderer(variables);
    renderer.write(template);
    return renderer.out.toString();
  }

  private void write(List<Node> nodes) {
    for (Node node : nodes) {
      step();
      switch (node) {
        case Node.Text(String text) -> append(text);
        case Node.Print(Expr value) -> append(text(value(value)));
        case Node.If(Expr condition, List<Node> body, List<Node> otherwise) ->
            write(truth(value(condition)) ? body : otherwise);
        case Node.For loop -> write(loop);
        case Node.Set(List<String> names, Expr value) -> assign(names, value(value));
        case Node.SetAttribute set -> {
          if (!(lookUp(set.name()) instanceof Namespace namespace)) {
            throw new JinjaException("sets " + quoted(set.attribute()) + " of no namespace");
          }
          namespace.values().put(set.attribute(), value(set.value()));
        }
        case Node.SetBlock(String name, List<Node> body) ->
            scopes.getLast().put(name, captured(body));
        case Node.Macro macro -> scopes.getLast().put(macro.name(), macro);
      }
    }
  }

  /** A mutable map whose entries are attributes. */
  private record Namespace(Map<String, @Nullable Object> values) {}

  private void write(Node.For loop) {
    Object items = value(loop.items());
    List<Object> taken = new ArrayList<>();
    for (Object item : items == null ? List.of() : list(items)) {
      scopes.add(new HashMap<>());
      assign(loop.names(), item);
      if (loop.filter() == null || truth(value(loop.filter()))) {
        taken.add(item);
      }
      scopes.removeLast();
    }
    for (int i = 0; i < taken.size(); i++) {
      scopes.add(new HashMap<>());
      assign(loop.names(), taken.get(i));
      scopes.getLast().put("loop", place(taken, i));
      write(loop.body());
      scopes.removeLast();
    }
    if (taken.isEmpty()) {
      write(loop.ifNone());
    }
  }

  private static Map<String, @Nullable Object> place(List<Object> items, int i) {
    Map<String, @Nullable Object> loop = new HashMap<>();
    loop.put("index", (long) i + 1);
    loop.put("index0", (long) i);
    loop.put("revindex", (long) items.size() - i);
    loop.put("revindex0", (long) items.size() - i - 1);
    loop.put("first", i == 0);
    loop.put("last", i == items.size() - 1);
    loop.put("length", (long) items.size());
    loop.put("previtem", i == 0 ? null : items.get(i - 1));
    loop.put("nextitem", i == items.size() - 1 ? null : items.get(i + 1));
    return loop;
  }

  private void assign(List<String> names, @Nullable Object value) {
    if (names.size() == 1) {
      scopes.getLast().put(names.getFirst(), value);
      return;
    }
    List<?> items = list(value);
    if (items.size() != names.size()) {
      throw new JinjaException("gives " + names.size() + " names to " + items.size() + " values");
    }
    for (int i = 0; i < names.size(); i++) {
      scopes.getLast().put(names.get(i), items.get(i));
    }
  }

  private String captured(List<Node> body) {
    StringBuilder before = out;
    out = new StringBuilder();
    scopes.add(new HashMap<>());
    write(body);
    scopes.removeLast();
    String text = out.toString();
    out = before;
    return text;
  }

  private @Nullable Object value(Expr expr) {
    step();
    if (++depth > MAX_DEPTH) {
      throw new JinjaException("is nested too deep");
    }
    Object value =
        switch (expr) {
          case Expr.Literal(Object literal) -> literal;
          case Expr.Name(String name) -> lookUp(name);
          case Expr.ListOf(List<Expr> items) -> values(items);
          case Expr.DictOf dict -> dict(dict);
          case Expr.Item(Expr of, Expr key) -> item(value(of), value(key));
          case Expr.Slice slice -> slice(slice);
          case Expr.Call(Expr function, List<Argument> arguments) -> call(function, arguments);
          case Expr.Filter(Expr of, String name, List<Argument> arguments) ->
              counted(JinjaLibrary.filter(name, value(of), positional(arguments)));
          case Expr.Test(Expr of, String name, List<Argument> arguments) ->
              JinjaLibrary.test(name, value(of), positional(arguments));
          case Expr.Not(Expr of) -> !truth(value(of));
          case Expr.Choice(Expr condition, Expr then, Expr otherwise) ->
              value(truth(value(condition)) ? then : otherwise);
          case Expr.Binary binary -> binary(binary);
        };
    depth--;
    return value;
  }

  /** The right side is looked at where it counts. */
  private @Nullable Object binary(Expr.Binary binary) {
    Object left = value(binary.left());
    String operator = binary.operator();
    if (operator.equals("and")) {
      return truth(left) ? value(binary.right()) : left;
    }
    if (operator.equals("or")) {
      return truth(left) ? left : value(binary.right());
    }
    return counted(JinjaLibrary.binary(operator, left, value(binary.right())));
  }

  private @Nullable Object lookUp(String name) {
    for (int i = scopes.size() - 1; i >= 0; i--) {
      if (scopes.get(i).containsKey(name)) {
        return scopes.get(i).get(name);
      }
    }
    return variables.get(name);
  }

  private List<@Nullable Object> values(List<Expr> items) {
    List<@Nullable Object> values = new ArrayList<>();
    items.forEach(item -> values.add(value(item)));
    return values;
  }

  private Map<String, @Nullable Object> dict(Expr.DictOf dict) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>();
    for (int i = 0; i < dict.keys().size(); i++) {
      values.put(text(value(dict.keys().get(i))), value(dict.values().get(i)));
    }
    return values;
  }

  private static @Nullable Object item(@Nullable Object of, @Nullable Object key) {
    if (of instanceof Namespace(Map<String, @Nullable Object> values)) {
      return values.get(text(key));
    }
    if (of instanceof Map<?, ?> map && key instanceof String) {
      return map.get(key);
    }
    if (of instanceof List<?> list && key instanceof Long index) {
      long at = index < 0 ? index + list.size() : index;
      return at < 0 || at >= list.size() ? null : list.get((int) at);
    }
    if (of == null) {
      throw new JinjaException("looks into what is undefined");
    }
    if (key instanceof String) {
      return null; // no such attribute, which may be asked for
    }
    throw new JinjaException("looks into a text");
  }

  private Object slice(Expr.Slice slice) {
    Object of = value(slice.of());
    int size = of instanceof String text ? text.length() : list(of).size();
    int from = slice.from() == null ? 0 : bound(value(slice.from()), size);
    int to = Math.max(from, slice.to() == null ? size : bound(value(slice.to()), size));
    return of instanceof String text ? text.substring(from, to) : list(of).subList(from, to);
  }

  private static int bound(@Nullable Object value, int size) {
    if (!(value instanceof Long at)) {
      throw new JinjaException("slices at no number");
    }
    return Math.clamp(at < 0 ? at + size : at, 0, size);
  }

  private @Nullable Object call(Expr function, List<Argument> arguments) {
    if (function instanceof Expr.Item(Expr of, Expr.Literal(String method))) {
      Object object = value(of);
      if (!(object instanceof Namespace)) {
        return counted(JinjaLibrary.method(object, method, positional(arguments)));
      }
    }
    if (!(function instanceof Expr.Name named)) {
      throw new JinjaException("calls what has no name");
    }
    String name = named.name();
    Object known = lookUp(name);
    if (known instanceof Node.Macro macro) {
      return macro(macro, arguments);
    }
    return switch (name) {
      case "namespace", "dict" -> {
        Map<String, @Nullable Object> values = new LinkedHashMap<>();
        for (Argument argument : arguments) {
          if (argument.name().isEmpty()) {
            throw new JinjaException("makes a " + name + " of values without names");
          }
          values.put(argument.name(), value(Objects.requireNonNull(argument.value())));
        }
        yield name.equals("dict") ? values : new Namespace(values);
      }
      case "raise_exception" ->
          throw new JinjaException(
              "refuses this conversation: " + quoted(text(positional(arguments).getFirst())));
      case "strftime_now" -> {
        if (!(known instanceof String date)) {
          throw new JinjaException("writes today's date");
        }
        yield date;
      }
      default -> throw new JinjaException("calls " + quoted(name));
    };
  }

  private Object macro(Node.Macro macro, List<Argument> arguments) {
    Map<String, @Nullable Object> scope = new HashMap<>();
    for (int i = 0; i < macro.parameters().size(); i++) {
      Argument parameter = macro.parameters().get(i);
      Expr given = parameter.value();
      for (int a = 0; a < arguments.size(); a++) {
        Argument argument = arguments.get(a);
        if (argument.name().isEmpty() ? a == i : argument.name().equals(parameter.name())) {
          given = argument.value();
        }
      }
      scope.put(parameter.name(), given == null ? null : value(given));
    }
    if (arguments.size() > macro.parameters().size()) {
      throw new JinjaException("calls " + quoted(macro.name()) + " with too many values");
    }
    List<Map<String, @Nullable Object>> before = scopes;
    scopes = new ArrayList<>(List.of(before.getFirst(), scope));
    String text = captured(macro.body());
    scopes = before;
    return text;
  }

  private List<@Nullable Object> positional(List<Argument> arguments) {
    List<@Nullable Object> values = new ArrayList<>();
    for (Argument argument : arguments) {
      if (!argument.name().isEmpty()) {
        throw new JinjaException("uses the argument " + quoted(argument.name()));
      }
      values.add(value(Objects.requireNonNull(argument.value())));
    }
    return values;
  }

  private static boolean truth(@Nullable Object value) {
    return JinjaLibrary.truth(value);
  }

  private static String text(@Nullable Object value) {
    return JinjaLibrary.text(value);
  }

  private static List<?> list(@Nullable Object value) {
    return JinjaLibrary.list(value);
  }

  private void append(String text) {
    out.append(text);
    counted(text);
  }

  private @Nullable Object counted(@Nullable Object value) {
    if (value instanceof String text) {
      characters += text.length();
    }
    if (characters > MAX_CHARACTERS) {
      throw new JinjaException("writes too much");
    }
    return value;
  }

  private void step() {
    if (++steps > MAX_STEPS) {
      throw new JinjaException("takes too many steps");
    }
  }
}
