package dev.baton.text;

/**
 * One turn of a conversation.
 *
 * @param role who speaks: {@code system}, {@code user}, {@code assistant}, or another name the
 *     model knows
 * @param content what was said; never read as control tokens
 */
public record ChatMessage(String role, String content) {
  /**
   * @throws IllegalArgumentException for a blank role
   */
  public ChatMessage {
    if (role.isBlank()) {
      throw new IllegalArgumentException("a chat message needs a role, such as 'user'");
    }
  }

  /** A turn of the user. */
  public static ChatMessage user(String content) {
    return new ChatMessage("user", content);
  }

  /** What the model is told about itself before the conversation. */
  public static ChatMessage system(String content) {
    return new ChatMessage("system", content);
  }

  boolean isSystem() {
    return role.equals("system");
  }
}
