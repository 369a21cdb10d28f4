package dev.baton.server.openai;

import dev.baton.GenerateRequest;
import dev.baton.server.api.Fields;
import dev.baton.server.api.InvalidRequestException;
import dev.baton.text.ChatMessage;
import dev.baton.text.Conversation;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** {@code /v1/chat/completions}: an answer to messages. */
final class ChatForm implements Form {
  private static final TypeReference<LinkedHashMap<String, @Nullable Object>> OBJECT =
      new TypeReference<>() {};

  @Override
  public List<String> refused() {
    return List.of("response_format", "tools", "functions", "audio", "prediction", "logprobs");
  }

  @Override
  public GenerateRequest.Builder prompt(Fields fields) throws InvalidRequestException {
    JsonNode messages = fields.node("messages");
    if (messages == null || !messages.isArray() || messages.isEmpty()) {
      throw Fields.wrong("messages", "a list of at least one message");
    }
    List<ChatMessage> all = new ArrayList<>();
    for (int i = 0; i < messages.size(); i++) {
      all.add(message("messages[" + i + "]", messages.get(i)));
    }
    Map<String, @Nullable Object> variables = Map.of();
    JsonNode given = fields.node("chat_template_kwargs");
    if (given != null) {
      if (!given.isObject()) {
        throw Fields.wrong("chat_template_kwargs", "an object");
      }
      variables = JsonMapper.shared().convertValue(given, OBJECT);
    }
    return GenerateRequest.builder(new Conversation(all, List.of(), true, variables));
  }

  private static ChatMessage message(String name, JsonNode node) throws InvalidRequestException {
    if (!node.isObject()) {
      throw Fields.wrong(name, "an object");
    }
    JsonNode role = node.get("role");
    if (role == null || !role.isString() || role.asString().isBlank()) {
      throw Fields.wrong(name + ".role", "a string such as 'user'");
    }
    LinkedHashMap<String, @Nullable Object> fields = JsonMapper.shared().convertValue(node, OBJECT);
    fields.remove("role");
    JsonNode content = node.get("content");
    if (content != null && content.isArray()) {
      fields.put("content", text(name + ".content", content));
    } else if (content != null && !content.isString() && !content.isNull()) {
      throw Fields.wrong(name + ".content", "a string or a list of parts");
    }
    return new ChatMessage(role.asString(), fields);
  }

  /** The text of parts; images and sounds are refused. */
  private static String text(String name, JsonNode parts) throws InvalidRequestException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < parts.size(); i++) {
      JsonNode part = parts.get(i);
      String type = part.path("type").asString("");
      if (!type.equals("text") && !type.equals("input_text")) {
        throw new InvalidRequestException(
            name + "[" + i + "]", "parts of type '" + type + "' are not read by this version");
      }
      text.append(text.isEmpty() ? "" : "\n").append(part.path("text").asString(""));
    }
    return text.toString();
  }

  @Override
  public String idPrefix() {
    return "chatcmpl-";
  }

  @Override
  public String object(boolean isPiece) {
    return isPiece ? "chat.completion.chunk" : "chat.completion";
  }

  @Override
  public void putText(ObjectNode choice, String text) {
    choice.putObject("message").put("role", "assistant").put("content", text);
  }

  @Override
  public boolean putFirst(ObjectNode choice) {
    choice.putObject("delta").put("role", "assistant").put("content", "");
    return true;
  }

  @Override
  public void putPiece(ObjectNode choice, String text) {
    ObjectNode delta = choice.putObject("delta");
    if (!text.isEmpty()) {
      delta.put("content", text);
    }
  }
}
