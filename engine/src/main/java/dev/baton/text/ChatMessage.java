package dev.baton.text;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One turn of a conversation.
 *
 * @param role who speaks: {@code system}, {@code user}, {@code assistant}, {@code tool}, or another
 *     name the model knows
 * @param fields what else there is of it, by OpenAI's names and in JSON's terms (null, Boolean,
 *     Number, String, List, Map): {@code content}, {@code name}, {@code tool_calls}, {@code
 *     reasoning_content} …; never read as control tokens
 */
public record ChatMessage(String role, Map<String, @Nullable Object> fields) {
  /**
   * @throws IllegalArgumentException for a blank role
   */
  public ChatMessage {
    if (role.isBlank()) {
      throw new IllegalArgumentException("a chat message needs a role, such as 'user'");
    }
    fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
  }

  /** A turn that is text alone. */
  public ChatMessage(String role, String content) {
    this(role, Map.of("content", content));
  }

  /** A turn of the user. */
  public static ChatMessage user(String content) {
    return new ChatMessage("user", content);
  }

  /** What the model is told about itself before the conversation. */
  public static ChatMessage system(String content) {
    return new ChatMessage("system", content);
  }

  /** What the model answered. */
  public static ChatMessage assistant(String content) {
    return new ChatMessage("assistant", content);
  }
}
