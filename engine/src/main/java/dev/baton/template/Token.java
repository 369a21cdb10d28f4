package dev.baton.template;

/**
 * A piece of a template's text.
 *
 * @param text as it stands there; of a string what it stands for
 * @param at where it begins in the template
 */
record Token(Kind kind, String text, int at) {
  enum Kind {
    DATA,
    PRINT_BEGIN,
    PRINT_END,
    BLOCK_BEGIN,
    BLOCK_END,
    NAME,
    STRING,
    INTEGER,
    FLOAT,
    OPERATOR,
    END
  }

  boolean isName(String name) {
    return kind == Kind.NAME && text.equals(name);
  }

  boolean isOperator(String operator) {
    return kind == Kind.OPERATOR && text.equals(operator);
  }

  /** For people. */
  String shown() {
    return switch (kind) {
      case END -> "the end of the template";
      case BLOCK_END -> "the end of the statement";
      case PRINT_END -> "the end of the expression";
      case DATA, PRINT_BEGIN, BLOCK_BEGIN, NAME, STRING, INTEGER, FLOAT, OPERATOR ->
          "'" + text + "'";
    };
  }
}
