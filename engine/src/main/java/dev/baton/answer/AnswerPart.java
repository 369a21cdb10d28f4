package dev.baton.answer;

/** A piece of an answer. Neighbouring texts, and neighbouring reasoning, belong together. */
public sealed interface AnswerPart {
  record Text(String text) implements AnswerPart {}

  record Reasoning(String text) implements AnswerPart {}

  /**
   * A whole tool call.
   *
   * @param arguments a JSON object
   */
  record ToolCall(String name, String arguments) implements AnswerPart {}
}
