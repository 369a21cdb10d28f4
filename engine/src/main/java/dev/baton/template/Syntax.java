package dev.baton.template;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a template is made of, as {@link Parser} reads it. */
final class Syntax {
  private Syntax() {}

  /** A statement, or text between them. */
  sealed interface Node {
    record Data(Text text) implements Node {}

    record Print(int at, Expr value) implements Node {}

    /**
     * @param tests the conditions of {@code if} and {@code elif}, each with its body
     */
    record If(List<Branch> tests, List<Node> otherwise) implements Node {}

    /**
     * @param ifNone what is written where there are no items
     */
    record For(
        int at,
        Target target,
        Expr items,
        @Nullable Expr filter,
        boolean recursive,
        List<Node> body,
        List<Node> ifNone)
        implements Node {}

    record Assign(int at, Target target, Expr value) implements Node {}

    record AssignBlock(int at, Target target, @Nullable Expr filter, List<Node> body)
        implements Node {}

    record With(int at, List<Target> targets, List<Expr> values, List<Node> body) implements Node {}

    record Define(int at, Callable macro) implements Node {}

    record CallBlock(int at, Callable caller, Expr.Call call) implements Node {}

    record FilterBlock(int at, Expr filter, List<Node> body) implements Node {}

    /** {@code {% generation %}}. */
    record Generation(List<Node> body) implements Node {}

    record Break(int at) implements Node {}

    record Continue(int at) implements Node {}
  }

  record Branch(Expr condition, List<Node> body) {}

  /**
   * A macro, or what a {@code call} block hands over.
   *
   * @param name null for the latter
   * @param defaults those of the last parameters
   */
  record Callable(
      @Nullable String name,
      List<String> parameters,
      List<Expr> defaults,
      List<Node> body,
      boolean usesCaller,
      boolean usesRest,
      boolean usesNamed) {}

  /** What takes a value. */
  sealed interface Target {
    record Name(String name) implements Target {}

    record Attribute(int at, String namespace, String attribute) implements Target {}

    record Several(int at, List<Target> targets) implements Target {}
  }

  /** What has a value. */
  sealed interface Expr {
    int at();

    record Constant(int at, Object value) implements Expr {}

    record Name(int at, String name) implements Expr {}

    record ListOf(int at, List<Expr> items, boolean isTuple) implements Expr {}

    record DictOf(int at, List<Expr> keys, List<Expr> values) implements Expr {}

    record Attribute(int at, Expr of, String name) implements Expr {}

    record Item(int at, Expr of, Expr key) implements Expr {}

    record SliceOf(int at, @Nullable Expr start, @Nullable Expr stop, @Nullable Expr step)
        implements Expr {}

    record Call(int at, Expr function, Given given) implements Expr {}

    /**
     * @param value null for what a block wrote
     */
    record Filter(int at, @Nullable Expr value, String name, Given given) implements Expr {}

    record Test(int at, Expr value, String name, Given given) implements Expr {}

    record Not(int at, Expr value) implements Expr {}

    record Signed(int at, boolean negative, Expr value) implements Expr {}

    record Logical(int at, boolean and, Expr left, Expr right) implements Expr {}

    record Binary(int at, String operator, Expr left, Expr right) implements Expr {}

    record Concat(int at, List<Expr> parts) implements Expr {}

    record Compare(int at, Expr first, List<Operand> rest) implements Expr {}

    /**
     * @param otherwise null for what is undefined then
     */
    record Choice(int at, Expr condition, Expr then, @Nullable Expr otherwise) implements Expr {}
  }

  record Operand(String operator, Expr value) {}

  record Named(String name, Expr value) {}

  /**
   * What a call is given.
   *
   * @param list what {@code *} stands before, or null
   * @param dict what {@code **} stands before, or null
   */
  record Given(List<Expr> positional, List<Named> named, @Nullable Expr list, @Nullable Expr dict) {
    static final Given NOTHING = new Given(List.of(), List.of(), null, null);
  }
}
