package dev.baton.text;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a chat template writes.
 *
 * @param tools what the model may call, each as OpenAI's {@code tools} has it; empty for none
 * @param addGenerationPrompt whether it ends with the opening of the assistant's turn, so that the
 *     model answers
 * @param variables more that the template may ask for, such as {@code enable_thinking}
 */
public record Conversation(
    List<ChatMessage> messages,
    List<?> tools,
    boolean addGenerationPrompt,
    Map<String, @Nullable Object> variables) {
  /**
   * @throws IllegalArgumentException for no messages
   */
  public Conversation {
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("a chat needs at least one message");
    }
    messages = List.copyOf(messages);
    tools = List.copyOf(tools);
    variables = Collections.unmodifiableMap(new LinkedHashMap<>(variables));
  }

  /** Messages that the model is to answer. */
  public static Conversation of(List<ChatMessage> messages) {
    return new Conversation(messages, List.of(), true, Map.of());
  }

  /**
   * A prompt that the model is to answer.
   *
   * @param system what the model is told about itself, or null for the template's own default
   */
  public static Conversation of(@Nullable String system, String prompt) {
    List<ChatMessage> messages = new ArrayList<>();
    if (system != null) {
      messages.add(ChatMessage.system(system));
    }
    messages.add(ChatMessage.user(prompt));
    return of(messages);
  }
}
