package dev.baton.template;

import dev.baton.template.Syntax.Expr;
import dev.baton.template.Syntax.Given;
import dev.baton.template.Syntax.Named;
import dev.baton.template.Syntax.Operand;
import dev.baton.template.Token.Kind;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads expressions, by jinja2's grammar. One thread. */
final class ExpressionParser {
  private static final Set<String> COMPARING = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final int MOST_DEPTH = 150;

  private final TokenStream tokens;
  private Set<String> names = new HashSet<>();
  private int depth;

  ExpressionParser(TokenStream tokens) {
    this.tokens = tokens;
  }

  /** The names that were read, so far. */
  Set<String> names() {
    return names;
  }

  /** Puts the names that are read from now on into a set. */
  void collect(Set<String> into) {
    names = into;
  }

  Expr expression() {
    enter();
    int at = tokens.peek().at();
    Expr value = or();
    while (tokens.skipName("if")) {
      Expr condition = or();
      Expr otherwise = tokens.skipName("else") ? expression() : null;
      value = new Expr.Choice(at, condition, value, otherwise);
    }
    depth--;
    return value;
  }

  private void enter() {
    if (++depth > MOST_DEPTH) {
      throw tokens.failure("is nested too deep", tokens.peek().at());
    }
  }

  /** An expression, or several with commas between them, which are a tuple. */
  Expr tuple(boolean withChoice, boolean mayBeEmpty) {
    int at = tokens.peek().at();
    List<Expr> items = new ArrayList<>();
    boolean isTuple = false;
    while (!isTupleEnd()) {
      items.add(withChoice ? expression() : or());
      if (!tokens.skipOperator(",")) {
        break;
      }
      isTuple = true;
    }
    if (!isTuple && items.size() == 1) {
      return items.getFirst();
    }
    if (!isTuple && !mayBeEmpty) {
      throw tokens.unexpected();
    }
    return new Expr.ListOf(at, items, true);
  }

  private boolean isTupleEnd() {
    return tokens.is(Kind.PRINT_END)
        || tokens.is(Kind.BLOCK_END)
        || tokens.isOperator(")")
        || tokens.isName("recursive");
  }

  Expr or() {
    Expr left = and();
    while (tokens.isName("or")) {
      int at = tokens.take().at();
      left = new Expr.Logical(at, false, left, and());
    }
    return left;
  }

  private Expr and() {
    Expr left = not();
    while (tokens.isName("and")) {
      int at = tokens.take().at();
      left = new Expr.Logical(at, true, left, not());
    }
    return left;
  }

  private Expr not() {
    if (!tokens.isName("not")) {
      return compare();
    }
    int at = tokens.take().at();
    enter();
    Expr value = not();
    depth--;
    return new Expr.Not(at, value);
  }

  private Expr compare() {
    int at = tokens.peek().at();
    Expr first = sum();
    List<Operand> rest = new ArrayList<>();
    while (true) {
      if (tokens.is(Kind.OPERATOR) && COMPARING.contains(tokens.peek().text())) {
        rest.add(new Operand(tokens.take().text(), sum()));
      } else if (tokens.skipName("in")) {
        rest.add(new Operand("in", sum()));
      } else if (tokens.isName("not") && tokens.peekSecond().isName("in")) {
        tokens.take();
        tokens.take();
        rest.add(new Operand("not in", sum()));
      } else {
        return rest.isEmpty() ? first : new Expr.Compare(at, first, rest);
      }
    }
  }

  private Expr sum() {
    Expr left = concat();
    while (tokens.isOperator("+") || tokens.isOperator("-")) {
      Token operator = tokens.take();
      left = new Expr.Binary(operator.at(), operator.text(), left, concat());
    }
    return left;
  }

  private Expr concat() {
    int at = tokens.peek().at();
    Expr first = product();
    if (!tokens.isOperator("~")) {
      return first;
    }
    List<Expr> parts = new ArrayList<>(List.of(first));
    while (tokens.skipOperator("~")) {
      parts.add(product());
    }
    return new Expr.Concat(at, parts);
  }

  private Expr product() {
    Expr left = power();
    while (tokens.isOperator("*")
        || tokens.isOperator("/")
        || tokens.isOperator("//")
        || tokens.isOperator("%")) {
      Token operator = tokens.take();
      left = new Expr.Binary(operator.at(), operator.text(), left, power());
    }
    return left;
  }

  private Expr power() {
    Expr left = unary(true);
    while (tokens.isOperator("**")) {
      int at = tokens.take().at();
      left = new Expr.Binary(at, "**", left, unary(true));
    }
    return left;
  }

  private Expr unary(boolean withFilter) {
    int at = tokens.peek().at();
    Expr value;
    if (tokens.isOperator("-") || tokens.isOperator("+")) {
      enter();
      boolean negative = tokens.take().text().equals("-");
      value = new Expr.Signed(at, negative, unary(false));
      depth--;
    } else {
      value = primary();
    }
    value = postfix(value);
    return withFilter ? filtered(value) : value;
  }

  Expr primary() {
    Token token = tokens.peek();
    return switch (token.kind()) {
      case NAME -> name(tokens.take());
      case STRING -> {
        StringBuilder text = new StringBuilder();
        while (tokens.is(Kind.STRING)) {
          text.append(tokens.take().text());
        }
        yield new Expr.Constant(token.at(), Text.of(text.toString()));
      }
      case INTEGER -> new Expr.Constant(token.at(), integer(tokens.take()));
      case FLOAT -> new Expr.Constant(token.at(), Double.valueOf(tokens.take().text()));
      case OPERATOR -> bracketed(token);
      case DATA, PRINT_BEGIN, PRINT_END, BLOCK_BEGIN, BLOCK_END, END -> throw tokens.unexpected();
    };
  }

  private Expr name(Token token) {
    return switch (token.text()) {
      case "true", "True" -> new Expr.Constant(token.at(), true);
      case "false", "False" -> new Expr.Constant(token.at(), false);
      case "none", "None" -> new Expr.Constant(token.at(), None.NONE);
      default -> {
        names.add(token.text());
        yield new Expr.Name(token.at(), token.text());
      }
    };
  }

  private Object integer(Token token) {
    String text = Caseless.lower(token.text());
    int radix =
        text.startsWith("0x") ? 16 : text.startsWith("0o") ? 8 : text.startsWith("0b") ? 2 : 10;
    String digits = radix == 10 ? text : text.substring(2);
    if (digits.length() > 4300) {
      throw tokens.failure("has too long a number", token.at());
    }
    return Numbers.whole(new BigInteger(digits, radix));
  }

  private Expr bracketed(Token token) {
    enter();
    Expr value;
    switch (token.text()) {
      case "(" -> {
        tokens.take();
        value = tuple(true, true);
        tokens.expectOperator(")");
      }
      case "[" -> {
        tokens.take();
        value = new Expr.ListOf(token.at(), items("]"), false);
      }
      case "{" -> value = dict();
      default -> throw tokens.unexpected();
    }
    depth--;
    return value;
  }

  private List<Expr> items(String closing) {
    List<Expr> items = new ArrayList<>();
    while (!tokens.isOperator(closing)) {
      items.add(expression());
      if (!tokens.isOperator(closing)) {
        tokens.expectOperator(",");
      }
    }
    tokens.take();
    return items;
  }

  private Expr dict() {
    int at = tokens.take().at();
    List<Expr> keys = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    while (!tokens.isOperator("}")) {
      keys.add(expression());
      tokens.expectOperator(":");
      values.add(expression());
      if (!tokens.isOperator("}")) {
        tokens.expectOperator(",");
      }
    }
    tokens.take();
    return new Expr.DictOf(at, keys, values);
  }

  private Expr postfix(Expr of) {
    Expr value = of;
    while (true) {
      if (tokens.isOperator(".")) {
        value = member(value);
      } else if (tokens.isOperator("[")) {
        int at = tokens.take().at();
        value = new Expr.Item(at, value, subscripts());
      } else if (tokens.isOperator("(")) {
        value = new Expr.Call(tokens.peek().at(), value, given());
      } else {
        return value;
      }
    }
  }

  private Expr member(Expr of) {
    int at = tokens.take().at();
    if (tokens.is(Kind.NAME)) {
      return new Expr.Attribute(at, of, tokens.take().text());
    }
    Token index = tokens.expect(Kind.INTEGER);
    return new Expr.Item(at, of, new Expr.Constant(index.at(), integer(index)));
  }

  private Expr subscripts() {
    int at = tokens.peek().at();
    List<Expr> keys = new ArrayList<>();
    while (!tokens.isOperator("]")) {
      if (!keys.isEmpty()) {
        tokens.expectOperator(",");
      }
      keys.add(subscript());
    }
    tokens.take();
    return keys.size() == 1 ? keys.getFirst() : new Expr.ListOf(at, keys, true);
  }

  private Expr subscript() {
    int at = tokens.peek().at();
    Expr start = tokens.isOperator(":") ? null : expression();
    if (start != null && !tokens.isOperator(":")) {
      return start;
    }
    tokens.take();
    Expr stop = isBoundLeftOut() ? null : expression();
    Expr step = tokens.skipOperator(":") && !isBoundLeftOut() ? expression() : null;
    return new Expr.SliceOf(at, start, stop, step);
  }

  private boolean isBoundLeftOut() {
    return tokens.isOperator("]") || tokens.isOperator(",") || tokens.isOperator(":");
  }

  private Expr filtered(Expr of) {
    Expr value = of;
    while (true) {
      if (tokens.isOperator("|")) {
        value = filter(value);
      } else if (tokens.isName("is")) {
        value = test(value);
      } else if (tokens.isOperator("(")) {
        value = new Expr.Call(tokens.peek().at(), value, given());
      } else {
        return value;
      }
    }
  }

  /** One filter behind its {@code |}, of a value or of what a block writes. */
  Expr filter(@Nullable Expr value) {
    tokens.expectOperator("|");
    return filterByName(value);
  }

  Expr filterByName(@Nullable Expr value) {
    int at = tokens.peek().at();
    String name = dotted();
    return new Expr.Filter(at, value, name, tokens.isOperator("(") ? given() : Given.NOTHING);
  }

  private String dotted() {
    StringBuilder name = new StringBuilder(tokens.expect(Kind.NAME).text());
    while (tokens.skipOperator(".")) {
      name.append('.').append(tokens.expect(Kind.NAME).text());
    }
    return name.toString();
  }

  private Expr test(Expr value) {
    int at = tokens.take().at();
    boolean negated = tokens.skipName("not");
    String name = dotted();
    Given given = Given.NOTHING;
    if (tokens.isOperator("(")) {
      given = given();
    } else if (isTestArgument()) {
      if (tokens.isName("is")) {
        throw tokens.failure("chains tests with 'is'", tokens.peek().at());
      }
      given = new Given(List.of(postfix(primary())), List.of(), null, null);
    }
    Expr test = new Expr.Test(at, value, name, given);
    return negated ? new Expr.Not(at, test) : test;
  }

  private boolean isTestArgument() {
    Token token = tokens.peek();
    return switch (token.kind()) {
      case STRING, INTEGER, FLOAT -> true;
      case NAME -> !(token.isName("else") || token.isName("or") || token.isName("and"));
      case OPERATOR -> token.isOperator("[") || token.isOperator("{");
      case DATA, PRINT_BEGIN, PRINT_END, BLOCK_BEGIN, BLOCK_END, END -> false;
    };
  }

  Given given() {
    int at = tokens.peek().at();
    tokens.expectOperator("(");
    List<Expr> positional = new ArrayList<>();
    List<Named> named = new ArrayList<>();
    Expr list = null;
    Expr dict = null;
    while (!tokens.isOperator(")")) {
      boolean isLate = list != null || dict != null;
      if (tokens.skipOperator("*")) {
        ensure(!isLate, at);
        list = expression();
      } else if (tokens.skipOperator("**")) {
        ensure(dict == null, at);
        dict = expression();
      } else if (tokens.is(Kind.NAME) && tokens.peekSecond().isOperator("=")) {
        ensure(dict == null, at);
        String name = tokens.take().text();
        tokens.take();
        named.add(new Named(name, expression()));
      } else {
        ensure(!isLate && named.isEmpty(), at);
        positional.add(expression());
      }
      if (!tokens.isOperator(")")) {
        tokens.expectOperator(",");
      }
    }
    tokens.take();
    return new Given(positional, named, list, dict);
  }

  private void ensure(boolean inOrder, int at) {
    if (!inOrder) {
      throw tokens.failure("gives a call's values in a wrong order", at);
    }
  }
}
