package dev.baton.answer;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Hermes and Qwen: {@code {"name": …, "arguments": {…}}}, or a list of those. */
final class JsonCalls implements CallSyntax {
  static final JsonCalls SYNTAX = new JsonCalls();

  static final JsonMapper MAPPER =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  @Override
  public List<AnswerPart.ToolCall> calls(String body, ParameterTypes types) {
    List<AnswerPart.ToolCall> calls = new ArrayList<>();
    try {
      JsonNode json = MAPPER.readTree(body);
      List<JsonNode> each = new ArrayList<>();
      if (json.isArray()) {
        json.forEach(each::add);
      } else {
        each.add(json);
      }
      for (JsonNode call : each) {
        JsonNode name = call.path("name");
        JsonNode given = call.has("arguments") ? call.get("arguments") : call.path("parameters");
        JsonNode arguments = given.isString() ? MAPPER.readTree(given.asString()) : given;
        boolean isNone = arguments.isMissingNode() || arguments.isNull();
        if (!name.isString() || !(isNone || arguments.isObject())) {
          return List.of();
        }
        calls.add(new AnswerPart.ToolCall(name.asString(), isNone ? "{}" : arguments.toString()));
      }
    } catch (JacksonException _) {
      return List.of();
    }
    return calls;
  }

  /** Inside a string of JSON. */
  @Override
  public boolean goesOn(String begun) {
    boolean inString = false;
    for (int i = 0; i < begun.length(); i++) {
      char c = begun.charAt(i);
      if (c == '"') {
        inString = !inString;
      } else if (c == '\\' && inString) {
        i++;
      }
    }
    return inString;
  }
}
