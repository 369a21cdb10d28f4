package dev.baton.template;

/**
 * What is not there: empty as text, false, without items; an error for anything else.
 *
 * @param why the error
 */
record Undefined(String why) {
  static Undefined name(String name) {
    return new Undefined("'" + name + "' is undefined");
  }

  TemplateException failure() {
    return new TemplateException(why);
  }
}
