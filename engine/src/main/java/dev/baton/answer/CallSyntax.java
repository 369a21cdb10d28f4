package dev.baton.answer;

import java.util.List;

/** How a model writes tool calls between two marks. */
interface CallSyntax {
  /**
   * The calls in what stands between the marks; empty where that is something else.
   *
   * @param types what the tools' parameters are, where the text does not tell
   */
  List<AnswerPart.ToolCall> calls(String body, ParameterTypes types);

  /**
   * Whether a body that {@code begun} begins may go on past the closing mark, which is part of a
   * string then.
   */
  default boolean goesOn(String begun) {
    return false;
  }
}
