package dev.baton.template;

import dev.baton.template.Syntax.Branch;
import dev.baton.template.Syntax.Callable;
import dev.baton.template.Syntax.Expr;
import dev.baton.template.Syntax.Given;
import dev.baton.template.Syntax.Node;
import dev.baton.template.Syntax.Operand;
import dev.baton.template.Syntax.Target;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Runs one template once. One thread. */
final class Interpreter {
  /** How a statement ended. */
  private enum End {
    NEXT,
    BREAK,
    CONTINUE
  }

  private final Budget budget = new Budget();
  private TextBuilder out = new TextBuilder();
  private int at;

  /** Where in the template it is, or was when it failed. */
  int at() {
    return at;
  }

  /**
   * @param variables in front of the globals
   */
  Text render(List<Node> nodes, Scope variables) {
    return budget.around(() -> {
      run(nodes, new Scope(variables));
      return out.text();
    });
  }

  private End run(List<Node> nodes, Scope scope) {
    for (Node node : nodes) {
      budget.step();
      End end = run(node, scope);
      if (end != End.NEXT) {
        return end;
      }
    }
    return End.NEXT;
  }

  private End run(Node node, Scope scope) {
    switch (node) {
      case Node.Data(Text text) -> write(text);
      case Node.Print(int _, Expr value) -> write(Shown.str(value(value, scope)));
      case Node.If(List<Branch> tests, List<Node> otherwise) -> {
        for (Branch branch : tests) {
          if (Values.truth(value(branch.condition(), scope))) {
            return run(branch.body(), scope);
          }
        }
        return run(otherwise, scope);
      }
      case Node.For loop -> loop(loop, value(loop.items(), scope), 0, scope);
      case Node.Assign(int place, Target target, Expr value) ->
          assign(target, value(value, scope), scope, place);
      case Node.AssignBlock(int place, Target target, Expr filter, List<Node> body) -> {
        Object text = captured(body, new Scope(scope));
        assign(target, filter == null ? text : filter(filter, text, scope), scope, place);
      }
      case Node.With with -> {
        Scope inner = new Scope(scope);
        for (int i = 0; i < with.targets().size(); i++) {
          assign(with.targets().get(i), value(with.values().get(i), scope), inner, with.at());
        }
        return run(with.body(), inner);
      }
      case Node.Define(int _, Callable macro) -> {
        String name = macro.name();
        if (name != null) {
          scope.set(name, new Macro(macro, scope));
        }
      }
      case Node.CallBlock(int place, Callable caller, Expr.Call call) -> {
        Object function = value(call.function(), scope);
        Arguments given = arguments(call.given(), scope);
        at = place;
        write(Shown.str(call(function, given.with("caller", new Macro(caller, scope)))));
      }
      case Node.FilterBlock(int _, Expr filter, List<Node> body) ->
          write(Shown.str(filter(filter, captured(body, new Scope(scope)), scope)));
      case Node.Generation(List<Node> body) -> write(captured(body, new Scope(scope)));
      case Node.Break _ -> {
        return End.BREAK;
      }
      case Node.Continue _ -> {
        return End.CONTINUE;
      }
    }
    return End.NEXT;
  }

  private void write(Text text) {
    budget.made(text);
    out.append(text);
  }

  private Text captured(List<Node> body, Scope scope) {
    TextBuilder around = out;
    out = new TextBuilder();
    budget.enter();
    run(body, scope);
    budget.leave();
    Text text = out.text();
    out = around;
    return text;
  }

  private void loop(Node.For node, Object iterable, int depth, Scope scope) {
    at = node.at();
    Iterator<Object> items = budget.counted(Values.iterate(iterable));
    Object counted = iterable;
    if (node.filter() != null) {
      items = taken(node, node.filter(), items, scope);
      counted = OneShot.generator(items);
    }
    Loop loop =
        new Loop(
            counted,
            items,
            depth,
            node.recursive() ? inner -> recursed(node, inner, depth + 1, scope) : null);
    boolean any = false; // as in jinja2, a pass that 'break' or 'continue' ends is none
    while (loop.hasNext()) {
      Scope inner = new Scope(scope);
      inner.set("loop", loop);
      assign(node.target(), loop.next(), inner, node.at());
      End end = run(node.body(), inner);
      if (end == End.BREAK) {
        break;
      }
      any |= end == End.NEXT;
    }
    if (!any) {
      run(node.ifNone(), new Scope(scope));
    }
  }

  private Object recursed(Node.For node, Object items, int depth, Scope scope) {
    TextBuilder around = out;
    out = new TextBuilder();
    budget.enter();
    loop(node, items, depth, scope);
    budget.leave();
    Text text = out.text();
    out = around;
    return text;
  }

  /** Those items for which a loop's condition holds, looked at one by one. */
  private Iterator<Object> taken(Node.For node, Expr filter, Iterator<Object> items, Scope scope) {
    return Lazily.filter(
        items,
        item -> {
          Scope inner = new Scope(scope);
          assign(node.target(), item, inner, node.at());
          return Values.truth(value(filter, inner));
        });
  }

  private void assign(Target target, Object value, Scope scope, int place) {
    switch (target) {
      case Target.Name(String name) -> scope.set(name, value);
      case Target.Attribute(int where, String name, String attribute) -> {
        at = where;
        if (!(scope.get(name) instanceof Namespace(Dict attributes))) {
          throw new TemplateException("cannot assign attribute on non-namespace object");
        }
        attributes.put(Text.of(attribute), value);
      }
      case Target.Several(int _, List<Target> targets) -> {
        at = place;
        List<Object> items = Values.list(value);
        if (items.size() != targets.size()) {
          throw new TemplateException(
              items.size() > targets.size()
                  ? "too many values to unpack (expected " + targets.size() + ")"
                  : "not enough values to unpack (expected %d, got %d)"
                      .formatted(targets.size(), items.size()));
        }
        for (int i = 0; i < items.size(); i++) {
          assign(targets.get(i), items.get(i), scope, place);
        }
      }
    }
  }

  private Object value(Expr expr, Scope scope) {
    budget.step();
    return switch (expr) {
      case Expr.Constant(int _, Object value) -> value;
      case Expr.Name(int _, String name) -> scope.get(name);
      case Expr.ListOf(int _, List<Expr> items, boolean isTuple) ->
          new Sequence(values(items, scope), isTuple);
      case Expr.DictOf dict -> dict(dict, scope);
      case Expr.Attribute(int place, Expr of, String name) -> {
        Object object = value(of, scope);
        at = place;
        budget.look(object);
        yield Attributes.attribute(object, name);
      }
      case Expr.Item(int place, Expr of, Expr key) -> {
        Object object = value(of, scope);
        Object at = value(key, scope);
        this.at = place;
        budget.look(object);
        yield at instanceof Slice slice
            ? budget.made(Attributes.slice(object, slice))
            : Attributes.item(object, at);
      }
      case Expr.SliceOf(int _, Expr start, Expr stop, Expr step) ->
          new Slice(bound(start, scope), bound(stop, scope), bound(step, scope));
      case Expr.Call(int place, Expr function, Given given) -> {
        Object called = value(function, scope);
        Arguments arguments = arguments(given, scope);
        at = place;
        yield budget.made(call(called, arguments));
      }
      case Expr.Filter filter -> filter(filter, Text.EMPTY, scope);
      case Expr.Test(int place, Expr of, String name, Given given) -> {
        Object object = value(of, scope);
        Arguments arguments = arguments(given, scope);
        at = place;
        budget.look(object);
        yield Tests.test(name, object, arguments);
      }
      case Expr.Not(int _, Expr of) -> !Values.truth(value(of, scope));
      case Expr.Signed(int place, boolean negative, Expr of) -> {
        Object number = value(of, scope);
        at = place;
        yield Operators.signed(negative, number);
      }
      case Expr.Logical(int _, boolean and, Expr left, Expr right) -> {
        Object first = value(left, scope);
        yield Values.truth(first) == and ? value(right, scope) : first;
      }
      case Expr.Binary(int place, String operator, Expr left, Expr right) -> {
        Object first = value(left, scope);
        Object second = value(right, scope);
        at = place;
        yield budget.made(Operators.binary(operator, first, second));
      }
      case Expr.Concat(int _, List<Expr> parts) -> {
        TextBuilder text = new TextBuilder();
        values(parts, scope).forEach(part -> text.append(Shown.str(part)));
        yield budget.made(text.text());
      }
      case Expr.Compare compare -> compare(compare, scope);
      case Expr.Choice(int _, Expr condition, Expr then, Expr otherwise) -> {
        if (Values.truth(value(condition, scope))) {
          yield value(then, scope);
        }
        yield otherwise == null
            ? new Undefined(
                "the inline if-expression evaluated to false and no else section was defined.")
            : value(otherwise, scope);
      }
    };
  }

  private Object bound(@Nullable Expr bound, Scope scope) {
    return bound == null ? None.NONE : value(bound, scope);
  }

  private List<Object> values(List<Expr> items, Scope scope) {
    List<Object> values = new ArrayList<>(items.size());
    items.forEach(item -> values.add(value(item, scope)));
    return values;
  }

  private Object dict(Expr.DictOf of, Scope scope) {
    Dict dict = new Dict();
    for (int i = 0; i < of.keys().size(); i++) {
      Object key = value(of.keys().get(i), scope);
      Object value = value(of.values().get(i), scope);
      at = of.at();
      dict.put(key, value);
    }
    return dict;
  }

  private Object compare(Expr.Compare compare, Scope scope) {
    Object left = value(compare.first(), scope);
    for (Operand operand : compare.rest()) {
      Object right = value(operand.value(), scope);
      at = compare.at();
      budget.look(left);
      budget.look(right);
      if (!Operators.compare(operand.operator(), left, right)) {
        return false;
      }
      left = right;
    }
    return true;
  }

  /**
   * A filter, or several one behind another.
   *
   * @param written what the first one is given where it names no value
   */
  private Object filter(Expr expr, Object written, Scope scope) {
    if (!(expr instanceof Expr.Filter(int place, Expr of, String name, Given given))) {
      return value(expr, scope);
    }
    budget.step();
    Object value = of == null ? written : filter(of, written, scope);
    Arguments arguments = arguments(given, scope);
    at = place;
    budget.look(value);
    return budget.made(Filters.filter(name, value, arguments, budget));
  }

  private Arguments arguments(Given given, Scope scope) {
    if (given.equals(Given.NOTHING)) {
      return Arguments.NONE;
    }
    List<Object> positional = values(given.positional(), scope);
    Map<String, Object> named = new LinkedHashMap<>();
    given.named().forEach(each -> named.put(each.name(), value(each.value(), scope)));
    if (given.list() != null) {
      positional.addAll(Values.list(value(given.list(), scope)));
    }
    if (given.dict() != null) {
      if (!(value(given.dict(), scope) instanceof Dict dict)) {
        throw new TemplateException("argument after ** must be a mapping");
      }
      for (Object key : dict.keys()) {
        String name = Values.text(key, "a keyword").chars();
        Object value = dict.get(key);
        if (value == null || named.put(name, value) != null) {
          throw new TemplateException("got multiple values for keyword argument '" + name + "'");
        }
      }
    }
    return new Arguments(positional, named);
  }

  private Object call(Object function, Arguments given) {
    return switch (function) {
      case Function(String _, String _, Function.Body body) -> body.call(given);
      case Macro macro -> macro(macro, given);
      case Loop loop -> loop.call(given.bind("loop", "iterable").get(0));
      case Undefined undefined -> throw undefined.failure();
      default ->
          throw new TemplateException("'" + Values.typeName(function) + "' object is not callable");
    };
  }

  private Text macro(Macro macro, Arguments given) {
    Callable callable = macro.callable();
    Scope scope = new Scope(macro.around());
    Map<String, Object> named = new LinkedHashMap<>(given.named());
    List<String> parameters = callable.parameters();
    String shown = "macro " + macro.shownName();
    int required = parameters.size() - callable.defaults().size();
    budget.enter();
    List<Integer> missing = new ArrayList<>();
    for (int i = 0; i < parameters.size(); i++) {
      String name = parameters.get(i);
      Object value = i < given.positional().size() ? given.positional().get(i) : named.remove(name);
      scope.set(name, value == null ? Undefined.name(name) : value);
      if (value == null) {
        missing.add(i);
      }
    }
    for (int i : missing) {
      String name = parameters.get(i);
      scope.set(
          name,
          i < required
              ? new Undefined("parameter '" + name + "' was not provided")
              : value(callable.defaults().get(i - required), scope));
    }
    if (callable.usesCaller() && !parameters.contains("caller")) {
      Object caller = named.remove("caller");
      scope.set("caller", caller == null ? new Undefined("No caller defined") : caller);
    }
    if (callable.usesNamed()) {
      scope.set("kwargs", Dict.of(named));
    } else if (!named.isEmpty()) {
      throw new TemplateException(
          shown + " takes no keyword argument '" + named.keySet().iterator().next() + "'");
    }
    int extra = Math.min(parameters.size(), given.positional().size());
    if (callable.usesRest()) {
      scope.set("varargs", Sequence.tuple(given.from(extra).positional()));
    } else if (given.positional().size() > parameters.size()) {
      throw new TemplateException(
          shown + " takes not more than " + parameters.size() + " argument(s)");
    }
    Text text = captured(callable.body(), scope);
    budget.leave();
    return text;
  }
}
