package dev.baton.text;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Llama 3: {@code <|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>} for each message,
 * contents trimmed. From 3.1 on there is always a system turn, which opens with two dates; both are
 * taken from the template's text, also where the template would rather have today's, so that a
 * prompt does not change overnight.
 *
 * @param defaultSystem the system turn where the conversation has none, or null for no such turn
 * @param systemOpening what a given system message stands behind in its turn; empty for Llama 3.0
 */
record Llama3Chat(@Nullable String defaultSystem, String systemOpening, boolean writesBos)
    implements ChatTemplate {
  private static final String START_HEADER = "<|start_header_id|>";
  private static final String END_OF_TURN = "<|eot_id|>";
  private static final String END_HEADER = "<|end_header_id|>";
  private static final String SYSTEM = START_HEADER + "system" + END_HEADER + "\n\n";

  /**
   * The form that comes nearest to what a template writes.
   *
   * @param written what it writes of the user's message "x", without BOS
   */
  static Llama3Chat of(String written, boolean writesBos, ChatProbe probe) {
    int end = written.startsWith(SYSTEM) ? written.indexOf(END_OF_TURN) : -1;
    return new Llama3Chat(
        end < 0 ? null : written.substring(SYSTEM.length(), end),
        systemOpening(probe, (writesBos ? ChatProbe.BOS : "") + SYSTEM),
        writesBos);
  }

  private static String systemOpening(ChatProbe probe, String before) {
    try {
      String written = probe.written(ChatMessage.system("y"), ChatMessage.user("x"));
      int given = written.startsWith(before) ? written.indexOf("y" + END_OF_TURN) : -1;
      return given < 0 ? "" : written.substring(before.length(), given);
    } catch (JinjaException _) {
      return ""; // it takes no system message, as will be seen again
    }
  }

  static boolean begins(String written) {
    return written.startsWith(START_HEADER);
  }

  @Override
  public String name() {
    return "Llama 3";
  }

  @Override
  public List<Segment> apply(List<ChatMessage> messages, boolean addGenerationPrompt) {
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("a chat needs at least one message");
    }
    List<Segment> segments = new ArrayList<>();
    List<ChatMessage> rest = messages;
    if (messages.getFirst().isSystem()) {
      addTurn("system", systemOpening + JinjaText.trim(messages.getFirst().content()), segments);
      rest = messages.subList(1, messages.size());
    } else if (defaultSystem != null) {
      addTurn("system", defaultSystem, segments);
    }
    for (ChatMessage message : rest) {
      addTurn(message.role(), JinjaText.trim(message.content()), segments);
    }
    if (addGenerationPrompt) {
      addHeader("assistant", segments);
      segments.add(Segment.plain("\n\n"));
    }
    return segments;
  }

  private static void addTurn(String role, String content, List<Segment> segments) {
    addHeader(role, segments);
    segments.add(Segment.plain("\n\n" + content));
    segments.add(Segment.special(END_OF_TURN));
  }

  private static void addHeader(String role, List<Segment> segments) {
    segments.add(Segment.special(START_HEADER));
    segments.add(Segment.plain(role));
    segments.add(Segment.special(END_HEADER));
  }
}
