package dev.baton.answer;

import java.util.List;
import java.util.Optional;

/** How a family of models writes tool calls: between which marks, and what. */
public enum AnswerFormat {
  /** Qwen 2.5 and 3, Hermes. */
  HERMES,
  /** Qwen3-Coder, Qwen 3.5, Nemotron 3, Step. */
  QWEN_CODER,
  GLM,
  MINIMAX,
  DEEPSEEK,
  KIMI;

  static final Marks THINK = new Marks("<think>", "</think>");
  private static final Marks TOOL_CALL = new Marks("<tool_call>", "</tool_call>");
  private static final Marks MINIMAX_CALLS =
      new Marks("<minimax:tool_call>", "</minimax:tool_call>");
  private static final Marks DEEPSEEK_CALLS =
      new Marks("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>");
  private static final Marks KIMI_CALLS =
      new Marks("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>");

  /** What begins and what ends a part of an answer. */
  record Marks(String opening, String closing) {}

  /** What stands around calls. */
  Marks calls() {
    return switch (this) {
      case HERMES, QWEN_CODER, GLM -> TOOL_CALL;
      case MINIMAX -> MINIMAX_CALLS;
      case DEEPSEEK -> DEEPSEEK_CALLS;
      case KIMI -> KIMI_CALLS;
    };
  }

  CallSyntax syntax() {
    return switch (this) {
      case HERMES -> JsonCalls.SYNTAX;
      case QWEN_CODER -> TaggedCalls.QWEN;
      case GLM -> TaggedCalls.GLM;
      case MINIMAX -> TaggedCalls.MINIMAX;
      case DEEPSEEK -> PairedCalls.DEEPSEEK;
      case KIMI -> PairedCalls.KIMI;
    };
  }

  /** The format that a model was told of by its chat template, if that is one of these. */
  public static Optional<AnswerFormat> of(String chatTemplate) {
    if (chatTemplate.contains(TOOL_CALL.opening())) {
      if (chatTemplate.contains("<function=")) {
        return Optional.of(QWEN_CODER);
      }
      return Optional.of(chatTemplate.contains("<arg_key>") ? GLM : HERMES);
    }
    return List.of(MINIMAX, DEEPSEEK, KIMI).stream()
        .filter(format -> chatTemplate.contains(format.calls().opening()))
        .findFirst();
  }
}
