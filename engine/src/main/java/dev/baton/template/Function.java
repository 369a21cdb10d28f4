package dev.baton.template;

/**
 * What can be called and is no macro.
 *
 * @param shown what {@code str()} makes of it
 */
record Function(String typeName, String shown, Body body) {
  /** What it does. */
  interface Body {
    Object call(Arguments arguments);
  }

  static Function builtin(String name, Body body) {
    return new Function("function", "<function " + name + ">", body);
  }

  static Function method(String name, String of, Body body) {
    String shown = "<built-in method " + name + " of " + of + " object>";
    return new Function("builtin_function_or_method", shown, body);
  }
}
