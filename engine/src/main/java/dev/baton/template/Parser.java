package dev.baton.template;

import dev.baton.template.Syntax.Branch;
import dev.baton.template.Syntax.Callable;
import dev.baton.template.Syntax.Expr;
import dev.baton.template.Syntax.Node;
import dev.baton.template.Syntax.Target;
import dev.baton.template.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads statements, by jinja2's grammar with its loop controls. One thread. */
final class Parser {
  private static final int MOST_DEPTH = 100;

  private final TokenStream tokens;
  private final ExpressionParser expressions;
  private int depth;
  private int loops;

  private Parser(Source source) {
    tokens = new TokenStream(source);
    expressions = new ExpressionParser(tokens);
  }

  /**
   * @throws TemplateException with the place, where it cannot be read
   */
  static List<Node> parse(Source source) {
    Parser parser = new Parser(source);
    List<Node> nodes = parser.nodes();
    if (!parser.tokens.is(Kind.END)) {
      throw parser.tokens.failure(
          "has an unexpected " + parser.tokens.peek().shown(), parser.tokens.peek().at());
    }
    return nodes;
  }

  /**
   * Up to a statement that has one of the names, which is left to be taken, or to the template's
   * end.
   */
  private List<Node> nodes(String... ends) {
    if (++depth > MOST_DEPTH) {
      throw tokens.failure("is nested too deep", tokens.peek().at());
    }
    List<Node> nodes = new ArrayList<>();
    while (!tokens.is(Kind.END)) {
      Token token = tokens.take();
      if (token.kind() == Kind.DATA) {
        nodes.add(new Node.Data(Text.of(token.text())));
      } else if (token.kind() == Kind.PRINT_BEGIN) {
        nodes.add(new Node.Print(token.at(), expressions.tuple(true, false)));
        tokens.expect(Kind.PRINT_END);
      } else {
        for (String end : ends) {
          if (tokens.isName(end)) {
            depth--;
            return nodes;
          }
        }
        statement(token, nodes);
        tokens.expect(Kind.BLOCK_END);
      }
    }
    if (ends.length > 0) {
      throw tokens.failure(
          "ends where '" + ends[ends.length - 1] + "' was expected", tokens.peek().at());
    }
    depth--;
    return nodes;
  }

  /** The body of a statement; the statement that ends it is left to be taken. */
  private List<Node> body(String... ends) {
    tokens.skipOperator(":");
    tokens.expect(Kind.BLOCK_END);
    return nodes(ends);
  }

  /** The body of a statement, with what ends it. */
  private List<Node> wholeBody(String end) {
    List<Node> body = body(end);
    tokens.take();
    return body;
  }

  /** As {@link #wholeBody}, where no loop around it can be left. */
  private List<Node> closedBody(String end) {
    int around = loops;
    loops = 0;
    List<Node> body = wholeBody(end);
    loops = around;
    return body;
  }

  private void statement(Token begin, List<Node> nodes) {
    Token token = tokens.expect(Kind.NAME);
    int at = token.at();
    switch (token.text()) {
      case "if" -> nodes.add(choice());
      case "for" -> nodes.add(loop(at));
      case "set" -> nodes.add(assignment(at));
      case "macro" -> nodes.add(macro(at));
      case "call" -> nodes.add(callBlock(at));
      case "filter" -> {
        Expr filter = filters(expressions.filterByName(null));
        nodes.add(new Node.FilterBlock(at, filter, wholeBody("endfilter")));
      }
      case "generation" -> nodes.add(new Node.Generation(closedBody("endgeneration")));
      case "with" -> nodes.add(with(at));
      case "print" -> {
        do {
          nodes.add(new Node.Print(at, expressions.expression()));
        } while (tokens.skipOperator(","));
      }
      case "break", "continue" -> {
        if (loops == 0) {
          throw tokens.failure("has '" + token.text() + "' outside a loop", at);
        }
        nodes.add(token.isName("break") ? new Node.Break(at) : new Node.Continue(at));
      }
      default ->
          throw tokens.failure("has an unknown statement '" + token.text() + "'", begin.at());
    }
  }

  private Node choice() {
    List<Branch> branches = new ArrayList<>();
    while (true) {
      Expr condition = expressions.tuple(false, false);
      branches.add(new Branch(condition, body("elif", "else", "endif")));
      Token end = tokens.take();
      if (end.isName("endif")) {
        return new Node.If(branches, List.of());
      }
      if (end.isName("else")) {
        return new Node.If(branches, wholeBody("endif"));
      }
    }
  }

  private Node loop(int at) {
    Target target = target(false);
    tokens.expectName("in");
    Expr items = expressions.tuple(false, false);
    Expr filter = tokens.skipName("if") ? expressions.expression() : null;
    boolean recursive = tokens.skipName("recursive");
    loops++;
    List<Node> body = body("endfor", "else");
    loops--;
    List<Node> ifNone = List.of();
    if (tokens.take().isName("else")) {
      ifNone = wholeBody("endfor");
    }
    return new Node.For(at, target, items, filter, recursive, body, ifNone);
  }

  private Node assignment(int at) {
    Target target = target(true);
    if (tokens.skipOperator("=")) {
      return new Node.Assign(at, target, expressions.tuple(true, false));
    }
    Expr filter = tokens.isOperator("|") ? filters(expressions.filter(null)) : null;
    return new Node.AssignBlock(at, target, filter, wholeBody("endset"));
  }

  /** The filters that go on behind a first one. */
  private Expr filters(Expr first) {
    Expr filter = first;
    while (tokens.isOperator("|")) {
      filter = expressions.filter(filter);
    }
    return filter;
  }

  /** One or several names, or attributes of namespaces where those may stand. */
  private Target target(boolean withAttributes) {
    int at = tokens.peek().at();
    List<Target> targets = new ArrayList<>();
    boolean isTuple = false;
    while ((tokens.is(Kind.NAME) && !tokens.isName("in")) || tokens.isOperator("(")) {
      targets.add(tokens.isOperator("(") ? inner(withAttributes) : single(withAttributes));
      if (!tokens.skipOperator(",")) {
        break;
      }
      isTuple = true;
    }
    if (targets.isEmpty()) {
      throw tokens.unexpected();
    }
    return isTuple ? new Target.Several(at, targets) : targets.getFirst();
  }

  private Target inner(boolean withAttributes) {
    tokens.take();
    if (++depth > MOST_DEPTH) {
      throw tokens.failure("is nested too deep", tokens.peek().at());
    }
    Target inner = target(withAttributes);
    depth--;
    tokens.expectOperator(")");
    return inner;
  }

  private Target single(boolean withAttributes) {
    Token name = tokens.take();
    switch (name.text()) {
      case "true", "false", "none", "True", "False", "None" ->
          throw tokens.failure("cannot assign to '" + name.text() + "'", name.at());
      default -> {}
    }
    if (withAttributes && tokens.skipOperator(".")) {
      return new Target.Attribute(name.at(), name.text(), tokens.expect(Kind.NAME).text());
    }
    return new Target.Name(name.text());
  }

  private Node with(int at) {
    List<Target> targets = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    while (!tokens.is(Kind.BLOCK_END)) {
      if (!targets.isEmpty()) {
        tokens.expectOperator(",");
      }
      targets.add(target(false));
      tokens.expectOperator("=");
      values.add(expressions.expression());
    }
    return new Node.With(at, targets, values, wholeBody("endwith"));
  }

  private Node macro(int at) {
    String name = tokens.expect(Kind.NAME).text();
    return new Node.Define(at, callable(name, "endmacro"));
  }

  private Callable callable(String name, String end) {
    List<String> parameters = new ArrayList<>();
    List<Expr> defaults = new ArrayList<>();
    signature(parameters, defaults);
    return callable(name, parameters, defaults, end);
  }

  private Callable callable(
      @Nullable String name, List<String> parameters, List<Expr> defaults, String end) {
    Set<String> around = expressions.names();
    Set<String> used = new HashSet<>();
    expressions.collect(used);
    List<Node> body = closedBody(end);
    around.addAll(used);
    expressions.collect(around);
    return new Callable(
        name,
        parameters,
        defaults,
        body,
        used.contains("caller"),
        used.contains("varargs"),
        used.contains("kwargs"));
  }

  private void signature(List<String> parameters, List<Expr> defaults) {
    tokens.expectOperator("(");
    while (!tokens.isOperator(")")) {
      if (!parameters.isEmpty()) {
        tokens.expectOperator(",");
      }
      Token name = tokens.expect(Kind.NAME);
      if (tokens.skipOperator("=")) {
        defaults.add(expressions.expression());
      } else if (!defaults.isEmpty()) {
        throw tokens.failure("has a parameter without a default behind one with", name.at());
      }
      parameters.add(name.text());
    }
    tokens.take();
  }

  private Node callBlock(int at) {
    List<String> parameters = new ArrayList<>();
    List<Expr> defaults = new ArrayList<>();
    if (tokens.isOperator("(")) {
      signature(parameters, defaults);
    }
    if (!(expressions.expression() instanceof Expr.Call call)) {
      throw tokens.failure("calls nothing", at);
    }
    return new Node.CallBlock(at, callable(null, parameters, defaults, "endcall"), call);
  }
}
