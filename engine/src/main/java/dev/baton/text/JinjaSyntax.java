package dev.baton.text;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a chat template's text is made of, as {@link JinjaParser} reads it. */
final class JinjaSyntax {
  private JinjaSyntax() {}

  /** A part of a template, in order. */
  sealed interface Node {
    record Text(String text) implements Node {}

    record Print(Expr value) implements Node {}

    /** {@code otherwise} holds what {@code elif} and {@code else} say. */
    record If(Expr condition, List<Node> body, List<Node> otherwise) implements Node {}

    /**
     * @param filter which items count, or null for all
     * @param ifNone what is written where there are none
     */
    record For(
        List<String> names, Expr items, @Nullable Expr filter, List<Node> body, List<Node> ifNone)
        implements Node {}

    /** One name takes the value, several take its items. */
    record Set(List<String> names, Expr value) implements Node {}

    /** Sets an attribute of a namespace. */
    record SetAttribute(String name, String attribute, Expr value) implements Node {}

    /** A name takes what the body writes. */
    record SetBlock(String name, List<Node> body) implements Node {}

    record Macro(String name, List<Argument> parameters, List<Node> body) implements Node {}
  }

  /** What has a value. */
  sealed interface Expr {
    record Literal(Object value) implements Expr {}

    record Name(String name) implements Expr {}

    record ListOf(List<Expr> items) implements Expr {}

    record DictOf(List<Expr> keys, List<Expr> values) implements Expr {}

    /** {@code of.name}, or {@code of['name']}, which differ for methods only. */
    record Item(Expr of, Expr key) implements Expr {}

    record Slice(Expr of, @Nullable Expr from, @Nullable Expr to) implements Expr {}

    record Call(Expr function, List<Argument> arguments) implements Expr {}

    record Filter(Expr value, String name, List<Argument> arguments) implements Expr {}

    record Test(Expr value, String name, List<Argument> arguments) implements Expr {}

    record Not(Expr value) implements Expr {}

    record Binary(String operator, Expr left, Expr right) implements Expr {}

    record Choice(Expr condition, Expr then, Expr otherwise) implements Expr {}
  }

  /**
   * An argument of a call, or a parameter with its default.
   *
   * @param name empty for one that is told by its place
   * @param value null for a parameter without a default
   */
  record Argument(String name, @Nullable Expr value) {}
}
