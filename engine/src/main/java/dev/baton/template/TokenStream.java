package dev.baton.template;

import dev.baton.template.Token.Kind;
import java.util.List;

/** A template's tokens, one after another. One thread. */
final class TokenStream {
  private final Source source;
  private final List<Token> tokens;
  private int next;

  TokenStream(Source source) {
    this.source = source;
    this.tokens = Lexer.tokens(source);
  }

  Token peek() {
    return tokens.get(next);
  }

  /** The one after {@link #peek}. */
  Token peekSecond() {
    return tokens.get(Math.min(next + 1, tokens.size() - 1));
  }

  Token take() {
    Token token = tokens.get(next);
    if (token.kind() != Kind.END) {
      next++;
    }
    return token;
  }

  boolean is(Kind kind) {
    return peek().kind() == kind;
  }

  boolean isOperator(String operator) {
    return peek().isOperator(operator);
  }

  boolean isName(String name) {
    return peek().isName(name);
  }

  boolean skipOperator(String operator) {
    if (!isOperator(operator)) {
      return false;
    }
    next++;
    return true;
  }

  boolean skipName(String name) {
    if (!isName(name)) {
      return false;
    }
    next++;
    return true;
  }

  Token expect(Kind kind) {
    if (!is(kind)) {
      throw unexpected();
    }
    return take();
  }

  void expectOperator(String operator) {
    if (!skipOperator(operator)) {
      throw failure(
          "has " + peek().shown() + " where '" + operator + "' was expected", peek().at());
    }
  }

  void expectName(String name) {
    if (!skipName(name)) {
      throw failure("has " + peek().shown() + " where '" + name + "' was expected", peek().at());
    }
  }

  TemplateException unexpected() {
    return failure("does not go on with " + peek().shown(), peek().at());
  }

  TemplateException failure(String why, int at) {
    return new TemplateException(why).at(source.place(at));
  }
}
