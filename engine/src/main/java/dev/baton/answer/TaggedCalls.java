package dev.baton.answer;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Calls whose parameters stand between tags of their own: Qwen3-Coder's, GLM's and MiniMax's.
 *
 * @param call finds a call; group 1 is its name, group 2 what holds its parameters
 * @param parameter finds a parameter; group 1 is its name, group 2 its value
 * @param trimsLines whether one line end on either side of a value is no part of it
 */
record TaggedCalls(Pattern call, Pattern parameter, boolean trimsLines) implements CallSyntax {
  static final TaggedCalls QWEN =
      new TaggedCalls(
          Pattern.compile("\\s*<function=([^>\\s]+)>(.*?)</function>\\s*", Pattern.DOTALL),
          Pattern.compile("\\s*<parameter=([^>\\s]+)>(.*?)</parameter>\\s*", Pattern.DOTALL),
          true);

  static final TaggedCalls GLM =
      new TaggedCalls(
          Pattern.compile("\\s*([^<\\s]+)\\s*((?:<arg_key>.*)?)", Pattern.DOTALL),
          Pattern.compile(
              "\\s*<arg_key>(.*?)</arg_key>\\s*<arg_value>(.*?)</arg_value>\\s*", Pattern.DOTALL),
          false);

  static final TaggedCalls MINIMAX =
      new TaggedCalls(
          Pattern.compile("\\s*<invoke name=\"([^\"]+)\">(.*?)</invoke>\\s*", Pattern.DOTALL),
          Pattern.compile("\\s*<parameter name=\"([^\"]+)\">(.*?)</parameter>\\s*", Pattern.DOTALL),
          false);

  @Override
  public List<AnswerPart.ToolCall> calls(String body, ParameterTypes types) {
    List<AnswerPart.ToolCall> calls = new ArrayList<>();
    Matcher each = call.matcher(body);
    int at = 0;
    while (at < body.length()) {
      if (!each.region(at, body.length()).lookingAt()) {
        return List.of();
      }
      ObjectNode arguments = JsonCalls.MAPPER.createObjectNode();
      if (!read(each.group(1), each.group(2), types, arguments)) {
        return List.of();
      }
      calls.add(new AnswerPart.ToolCall(each.group(1), arguments.toString()));
      at = each.end();
    }
    return calls;
  }

  private boolean read(String tool, String text, ParameterTypes types, ObjectNode arguments) {
    Matcher each = parameter.matcher(text);
    int at = 0;
    while (at < text.length() && !text.substring(at).isBlank()) {
      if (!each.region(at, text.length()).lookingAt()) {
        return false;
      }
      String name = each.group(1).strip();
      String value = trimsLines ? withoutLineEnds(each.group(2)) : each.group(2);
      arguments.set(name, value(value, types.isString(tool, name)));
      at = each.end();
    }
    return true;
  }

  private static String withoutLineEnds(String value) {
    int from = value.startsWith("\n") ? 1 : 0;
    int to = value.endsWith("\n") ? value.length() - 1 : value.length();
    return from < to ? value.substring(from, to) : "";
  }

  private static JsonNode value(String value, boolean isString) {
    if (!isString) {
      try {
        JsonNode json = JsonCalls.MAPPER.readTree(value);
        if (!json.isMissingNode()) {
          return json;
        }
      } catch (JacksonException _) {
        // A string without quotes.
      }
    }
    return JsonCalls.MAPPER.getNodeFactory().stringNode(value);
  }
}
