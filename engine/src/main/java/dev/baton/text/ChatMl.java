package dev.baton.text;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * ChatML: {@code <|im_start|>role\ncontent<|im_end|>\n} for each message.
 *
 * @param defaultSystem the system message that goes first where the conversation has none; empty
 *     for none
 * @param trimsContent whether white space around a content is dropped
 */
record ChatMl(String defaultSystem, boolean trimsContent, boolean writesBos)
    implements ChatTemplate {
  static final String START = "<|im_start|>";
  static final String END = "<|im_end|>";

  private static final Pattern TRIM = Pattern.compile("\\|\\s*trim\\b");

  static ChatMl from(String jinja) {
    return new ChatMl(
        defaultSystem(jinja), TRIM.matcher(jinja).find(), jinja.contains("bos_token"));
  }

  /** The content of the first system turn that stands whole inside one Jinja string, or nothing. */
  private static String defaultSystem(String jinja) {
    String opening = START + "system";
    for (int at = jinja.indexOf(opening); at >= 0; at = jinja.indexOf(opening, at + 1)) {
      int from = at + opening.length();
      // The newline in a string may be written or escaped.
      int newline = jinja.startsWith("\n", from) ? 1 : jinja.startsWith("\\n", from) ? 2 : 0;
      int end = literalEnd(jinja, from + newline);
      if (newline > 0 && jinja.startsWith(END, end)) {
        return JinjaText.unescape(jinja.substring(from + newline, end));
      }
    }
    return "";
  }

  /** Where the text of a string literal meets its quote, a tag or a marker. */
  private static int literalEnd(String jinja, int from) {
    int at = from;
    while (at < jinja.length() && "\"'{}<".indexOf(jinja.charAt(at)) < 0) {
      at += jinja.charAt(at) == '\\' ? 2 : 1;
    }
    return at;
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
