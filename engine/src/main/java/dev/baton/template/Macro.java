package dev.baton.template;

import dev.baton.template.Syntax.Callable;

/** A macro where it was defined: it sees the names around it. */
record Macro(Callable callable, Scope around) {
  Text shownName() {
    String name = callable.name();
    return name == null ? Text.of("anonymous") : Shown.repr(Text.of(name));
  }

  Object attribute(String name) {
    String called = callable.name();
    return switch (name) {
      case "name" -> called == null ? None.NONE : Text.of(called);
      case "arguments" ->
          Sequence.list(callable.parameters().stream().<Object>map(Text::of).toList());
      case "catch_kwargs" -> callable.usesNamed();
      case "catch_varargs" -> callable.usesRest();
      case "caller" -> callable.usesCaller();
      default -> Attributes.missing(this, name);
    };
  }
}
