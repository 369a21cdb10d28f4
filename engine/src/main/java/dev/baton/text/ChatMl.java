package dev.baton.text;

import java.util.ArrayList;
import java.util.List;

/**
 * ChatML: {@code <|im_start|>role\ncontent<|im_end|>\n} for each message.
 *
 * @param defaultSystem the system message that goes first where the conversation has none; empty
 *     for none
 * @param trimsContent whether white space around a content is dropped
 */
record ChatMl(String defaultSystem, boolean trimsContent, boolean writesBos)
    implements ChatTemplate {
  private static final String START = "<|im_start|>";
  private static final String END = "<|im_end|>";
  private static final String SYSTEM = START + "system\n";

  /**
   * The form that comes nearest to what a template writes.
   *
   * @param written what it writes of the user's message "x", without BOS
   * @param trimsContent whether it drops white space around a content
   */
  static ChatMl of(String written, boolean trimsContent, boolean writesBos) {
    int end = written.startsWith(SYSTEM) ? written.indexOf(END) : -1;
    return new ChatMl(
        end < 0 ? "" : written.substring(SYSTEM.length(), end), trimsContent, writesBos);
  }

  static boolean begins(String written) {
    return written.startsWith(START);
  }

  @Override
  public String name() {
    return "ChatML";
  }

  @Override
  public List<Segment> apply(List<ChatMessage> messages, boolean addGenerationPrompt) {
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("a chat needs at least one message");
    }
    List<Segment> segments = new ArrayList<>();
    if (!defaultSystem.isEmpty() && !messages.getFirst().isSystem()) {
      addTurn("system", defaultSystem, segments);
    }
    for (ChatMessage message : messages) {
      String content = message.content();
      addTurn(message.role(), trimsContent ? JinjaText.trim(content) : content, segments);
    }
    if (addGenerationPrompt) {
      segments.add(Segment.special(START));
      segments.add(Segment.plain("assistant\n"));
    }
    return segments;
  }

  private static void addTurn(String role, String content, List<Segment> segments) {
    segments.add(Segment.special(START));
    segments.add(Segment.plain(role + "\n" + content));
    segments.add(Segment.special(END));
    segments.add(Segment.plain("\n"));
  }
}
