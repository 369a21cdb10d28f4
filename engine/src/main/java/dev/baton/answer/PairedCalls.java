package dev.baton.answer;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;

/**
 * Calls of a name and a JSON object each, between control tokens: DeepSeek's and Kimi's.
 *
 * @param call finds a call; group 1 is its name, group 2 its arguments
 */
record PairedCalls(Pattern call) implements CallSyntax {
  static final PairedCalls DEEPSEEK =
      new PairedCalls(
          Pattern.compile(
              "\\s*<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?([^<\\s]+)"
                  + "(?:<｜tool▁sep｜>|\\s*```json\\s)(.*?)(?:\\s*```\\s*)?<｜tool▁call▁end｜>\\s*",
              Pattern.DOTALL));

  static final PairedCalls KIMI =
      new PairedCalls(
          Pattern.compile(
              "\\s*<\\|tool_call_begin\\|>\\s*(?:functions\\.)?([^<:\\s]+)(?::\\d+)?\\s*"
                  + "<\\|tool_call_argument_begin\\|>(.*?)<\\|tool_call_end\\|>\\s*",
              Pattern.DOTALL));

  @Override
  public List<AnswerPart.ToolCall> calls(String body, ParameterTypes types) {
    List<AnswerPart.ToolCall> calls = new ArrayList<>();
    Matcher each = call.matcher(body);
    for (int at = 0; at < body.length(); at = each.end()) {
      if (!each.region(at, body.length()).lookingAt()) {
        return List.of();
      }
      try {
        var arguments = JsonCalls.MAPPER.readTree(each.group(2));
        if (!arguments.isObject()) {
          return List.of();
        }
        calls.add(new AnswerPart.ToolCall(each.group(1), arguments.toString()));
      } catch (JacksonException _) {
        return List.of();
      }
    }
    return calls;
  }
}
