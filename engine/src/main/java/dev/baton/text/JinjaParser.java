package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.text.JinjaLexer.Kind;
import dev.baton.text.JinjaLexer.Token;
import dev.baton.text.JinjaSyntax.Argument;
import dev.baton.text.JinjaSyntax.Expr;
import dev.baton.text.JinjaSyntax.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads a chat template. What chat templates do not use (inheritance, includes, filter and call
 * blocks) is refused.
 *
 * <p>Source: the template designer documentation of Jinja 3.1.
 */
final class JinjaParser {
  private static final int MAX_DEPTH = 100;
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", ">", "<=", ">=");
  private static final Token NOTHING = new Token(Kind.END, "");

  private final List<Token> tokens;
  private int at;
  private int depth;

  private JinjaParser(List<Token> tokens) {
    this.tokens = tokens;
  }

  /**
   * The parts of a template.
   *
   * @throws JinjaException where it is no Jinja, or more of it than is read here
   */
  static List<Node> parse(String template) {
    JinjaParser parser = new JinjaParser(JinjaLexer.tokens(template));
    List<Node> nodes = parser.nodes(Set.of());
    if (parser.at < parser.tokens.size()) {
      throw new JinjaException("has " + quoted(parser.peek().text()) + " where nothing is open");
    }
    return nodes;
  }

  /** Up to the word of a block tag that ends them, which is taken, or to the end. */
  private List<Node> nodes(Set<String> ends) {
    enter();
    List<Node> nodes = new ArrayList<>();
    while (at < tokens.size()) {
      Token token = tokens.get(at++);
      if (token.kind() == Kind.TEXT) {
        nodes.add(new Node.Text(token.text()));
      } else if (token.kind() == Kind.PRINT) {
        nodes.add(new Node.Print(expressionOrTuple()));
        end();
      } else {
        if (ends.contains(peek().text()) || peek().text().startsWith("end")) {
          break;
        }
        nodes.addAll(statement(name()));
      }
    }
    depth--;
    return nodes;
  }

  /** Takes the word that ends what was open. */
  private String closing(Set<String> ends) {
    String word = peek().text();
    if (!ends.contains(word)) {
      throw new JinjaException("lacks one of " + ends);
    }
    at++;
    return word;
  }

  private List<Node> statement(String word) {
    return switch (word) {
      case "if" -> List.of(ifNode());
      case "for" -> List.of(forNode());
      case "set" -> List.of(setNode());
      case "macro" -> List.of(macro());
      case "generation" -> {
        end(); // marks what a model is trained on, and writes nothing itself
        List<Node> body = nodes(Set.of("endgeneration"));
        closing(Set.of("endgeneration"));
        end();
        yield body;
      }
      default -> throw new JinjaException("uses the tag " + quoted(word));
    };
  }

  private Node ifNode() {
    Expr condition = expression();
    end();
    Set<String> ends = Set.of("elif", "else", "endif");
    List<Node> body = nodes(ends);
    String word = closing(ends);
    if (word.equals("elif")) {
      enter();
      List<Node> otherwise = List.of(ifNode());
      depth--;
      return new Node.If(condition, body, otherwise);
    }
    end();
    List<Node> otherwise = List.of();
    if (word.equals("else")) {
      otherwise = nodes(Set.of("endif"));
      closing(Set.of("endif"));
      end();
    }
    return new Node.If(condition, body, otherwise);
  }

  private Node forNode() {
    List<String> names = names();
    if (!takes("in")) {
      throw new JinjaException("has a 'for' without 'in'");
    }
    Expr items = or();
    Expr filter = takes("if") ? expression() : null;
    end();
    Set<String> ends = Set.of("else", "endfor");
    List<Node> body = nodes(ends);
    List<Node> ifNone = List.of();
    if (closing(ends).equals("else")) {
      end();
      ifNone = nodes(Set.of("endfor"));
      closing(Set.of("endfor"));
    }
    end();
    return new Node.For(names, items, filter, body, ifNone);
  }

  private Node setNode() {
    List<String> names = names();
    if (takes(".")) {
      String attribute = name();
      expect("=");
      Node set = new Node.SetAttribute(names.getFirst(), attribute, expressionOrTuple());
      end();
      return set;
    }
    if (takes("=")) {
      Node set = new Node.Set(names, expressionOrTuple());
      end();
      return set;
    }
    end();
    List<Node> body = nodes(Set.of("endset"));
    closing(Set.of("endset"));
    end();
    return new Node.SetBlock(names.getFirst(), body);
  }

  private Node macro() {
    String name = name();
    expect("(");
    List<Argument> parameters = new ArrayList<>();
    while (!takes(")")) {
      String parameter = name();
      parameters.add(new Argument(parameter, takes("=") ? expression() : null));
      if (!is(")")) {
        expect(",");
      }
    }
    end();
    List<Node> body = nodes(Set.of("endmacro"));
    closing(Set.of("endmacro"));
    end();
    return new Node.Macro(name, List.copyOf(parameters), body);
  }

  private List<String> names() {
    List<String> names = new ArrayList<>();
    do {
      names.add(name());
    } while (takes(","));
    return names;
  }

  private Expr expressionOrTuple() {
    Expr first = expression();
    if (!is(",")) {
      return first;
    }
    List<Expr> items = new ArrayList<>(List.of(first));
    while (takes(",")) {
      items.add(expression());
    }
    return new Expr.ListOf(items);
  }

  private Expr expression() {
    enter();
    Expr value = or();
    while (takes("if")) {
      Expr condition = or();
      Expr otherwise = takes("else") ? expression() : new Expr.Name("");
      value = new Expr.Choice(condition, value, otherwise);
    }
    depth--;
    return value;
  }

  private Expr or() {
    Expr left = and();
    while (takes("or")) {
      left = new Expr.Binary("or", left, and());
    }
    return left;
  }

  private Expr and() {
    Expr left = not();
    while (takes("and")) {
      left = new Expr.Binary("and", left, not());
    }
    return left;
  }

  private Expr not() {
    if (!takes("not")) {
      return comparison();
    }
    enter();
    Expr value = new Expr.Not(not());
    depth--;
    return value;
  }

  /** {@code a < b < c} is {@code a < b and b < c}. */
  private Expr comparison() {
    Expr left = sum();
    Expr all = null;
    while (true) {
      boolean negated = is("not") && at + 1 < tokens.size() && isName(tokens.get(at + 1), "in");
      String operator = peek().text();
      if (negated) {
        at += 2;
        operator = "in";
      } else if (is("in") || (peek().kind() == Kind.OPERATOR && COMPARISONS.contains(operator))) {
        at++;
      } else {
        return all == null ? left : all;
      }
      Expr right = sum();
      Expr one = new Expr.Binary(operator, left, right);
      one = negated ? new Expr.Not(one) : one;
      all = all == null ? one : new Expr.Binary("and", all, one);
      left = right;
    }
  }

  private Expr sum() {
    Expr left = joined();
    while (is("+") || is("-")) {
      String operator = tokens.get(at++).text();
      left = new Expr.Binary(operator, left, joined());
    }
    return left;
  }

  private Expr joined() {
    Expr left = product();
    while (takes("~")) {
      left = new Expr.Binary("~", left, product());
    }
    return left;
  }

  private Expr product() {
    Expr left = signed();
    while (is("*") || is("/") || is("//") || is("%")) {
      String operator = tokens.get(at++).text();
      left = new Expr.Binary(operator, left, signed());
    }
    return left;
  }

  private Expr signed() {
    if (takes("-")) {
      return filtered(new Expr.Binary("-", new Expr.Literal(0L), postfixed(primary())));
    }
    return filtered(postfixed(primary()));
  }

  private Expr filtered(Expr of) {
    Expr value = of;
    while (true) {
      if (takes("|")) {
        String name = name();
        value = new Expr.Filter(value, name, is("(") ? arguments() : List.of());
      } else if (takes("is")) {
        boolean negated = takes("not");
        String name = name();
        Expr test = new Expr.Test(value, name, testArguments());
        value = negated ? new Expr.Not(test) : test;
      } else if (is("(")) {
        value = new Expr.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  private List<Argument> testArguments() {
    if (is("(")) {
      return arguments();
    }
    boolean operand =
        switch (peek().kind()) {
          case STRING, NUMBER -> true;
          case OPERATOR -> is("[") || is("{");
          case NAME ->
              !Set.of("else", "or", "and", "is", "in", "not", "if").contains(peek().text());
          case TEXT, PRINT, BLOCK, END -> false;
        };
    return operand ? List.of(new Argument("", postfixed(primary()))) : List.of();
  }

  private Expr postfixed(Expr of) {
    Expr value = of;
    while (true) {
      if (takes(".")) {
        value = new Expr.Item(value, new Expr.Literal(name()));
      } else if (takes("[")) {
        value = subscript(value);
      } else if (is("(")) {
        value = new Expr.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  private Expr subscript(Expr of) {
    Expr from = is(":") ? null : expression();
    if (!takes(":")) {
      expect("]");
      return new Expr.Item(of, from == null ? new Expr.Name("") : from);
    }
    Expr to = is("]") || is(":") ? null : expression();
    if (takes(":")) {
      boolean reversed = from == null && to == null && takes("-") && takesNumber("1");
      if (!reversed) {
        throw new JinjaException("uses a slice with a step");
      }
      expect("]");
      return new Expr.Filter(of, "reverse", List.of());
    }
    expect("]");
    return new Expr.Slice(of, from, to);
  }

  private Expr primary() {
    Token token = peek();
    at++;
    return switch (token.kind()) {
      case NAME -> named(token.text());
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (peek().kind() == Kind.STRING) {
          text.append(tokens.get(at++).text());
        }
        yield new Expr.Literal(text.toString());
      }
      case NUMBER -> number(token.text());
      case OPERATOR ->
          switch (token.text()) {
            case "(" -> parenthesised();
            case "[" -> new Expr.ListOf(items("]"));
            case "{" -> dict();
            default -> throw unexpected(token);
          };
      case TEXT, PRINT, BLOCK, END -> throw unexpected(token);
    };
  }

  private static Expr named(String name) {
    return switch (name) {
      case "true", "True" -> new Expr.Literal(true);
      case "false", "False" -> new Expr.Literal(false);
      case "none", "None" -> new Expr.Literal(Optional.empty());
      default -> new Expr.Name(name);
    };
  }

  private static Expr number(String text) {
    try {
      return new Expr.Literal(Long.parseLong(text));
    } catch (NumberFormatException _) {
      throw new JinjaException("uses the number " + quoted(text));
    }
  }

  private Expr parenthesised() {
    if (takes(")")) {
      return new Expr.ListOf(List.of());
    }
    Expr first = expression();
    if (takes(")")) {
      return first;
    }
    expect(",");
    List<Expr> items = new ArrayList<>(List.of(first));
    items.addAll(items(")"));
    return new Expr.ListOf(items);
  }

  private List<Expr> items(String end) {
    List<Expr> items = new ArrayList<>();
    while (!takes(end)) {
      items.add(expression());
      if (!is(end)) {
        expect(",");
      }
    }
    return items;
  }

  private Expr dict() {
    List<Expr> keys = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    while (!takes("}")) {
      keys.add(expression());
      expect(":");
      values.add(expression());
      if (!is("}")) {
        expect(",");
      }
    }
    return new Expr.DictOf(keys, values);
  }

  private List<Argument> arguments() {
    expect("(");
    List<Argument> arguments = new ArrayList<>();
    while (!takes(")")) {
      boolean named =
          peek().kind() == Kind.NAME
              && at + 1 < tokens.size()
              && tokens.get(at + 1).equals(new Token(Kind.OPERATOR, "="));
      String name = named ? name() : "";
      if (named) {
        expect("=");
      }
      arguments.add(new Argument(name, expression()));
      if (!is(")")) {
        expect(",");
      }
    }
    return arguments;
  }

  private void enter() {
    if (++depth > MAX_DEPTH) {
      throw new JinjaException("is nested more than " + MAX_DEPTH + " deep");
    }
  }

  private Token peek() {
    return at < tokens.size() ? tokens.get(at) : NOTHING;
  }

  private static boolean isName(Token token, String name) {
    return token.kind() == Kind.NAME && token.text().equals(name);
  }

  /** Whether an operator or a word comes next. */
  private boolean is(String text) {
    Kind kind = peek().kind();
    return (kind == Kind.OPERATOR || kind == Kind.NAME) && peek().text().equals(text);
  }

  private boolean takes(String text) {
    boolean there = is(text);
    at += there ? 1 : 0;
    return there;
  }

  private boolean takesNumber(String text) {
    boolean there = peek().equals(new Token(Kind.NUMBER, text));
    at += there ? 1 : 0;
    return there;
  }

  private void expect(String text) {
    if (!takes(text)) {
      throw unexpected(peek());
    }
  }

  private String name() {
    Token token = peek();
    if (token.kind() != Kind.NAME) {
      throw unexpected(token);
    }
    at++;
    return token.text();
  }

  private void end() {
    if (peek().kind() != Kind.END) {
      throw unexpected(peek());
    }
    at++;
  }

  private static JinjaException unexpected(@Nullable Token token) {
    String text = token == null ? "" : token.text();
    return new JinjaException(
        text.isEmpty() ? "has a tag that ends too soon" : "has " + quoted(text) + " out of place");
  }
}
