package dev.baton.text;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Llama 3: {@code <|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>} for each message,
 * contents trimmed. From 3.1 on there is always a system turn, which opens with two dates; both are
 * taken from the template's text, also where the template would rather have today's, so that a
 * prompt does not change overnight.
 *
 * @param dates the lines before the system message, with the empty line that ends them; empty for
 *     Llama 3.0
 */
record Llama3Chat(String dates) implements ChatTemplate {
  static final String START_HEADER = "<|start_header_id|>";
  static final String END_OF_TURN = "<|eot_id|>";
  private static final String END_HEADER = "<|end_header_id|>";

  private static final String KNOWLEDGE = "Cutting Knowledge Date: ";
  private static final Pattern KNOWLEDGE_DATE = Pattern.compile(KNOWLEDGE + "([^\"'\\\\\\n{}]+)");
  private static final Pattern TODAY =
      Pattern.compile("date_string\\s*=\\s*[\"']([^\"'\\\\\\n]+)[\"']");

  static Recognition from(String jinja) {
    if (!jinja.contains(KNOWLEDGE)) {
      return Recognition.of(new Llama3Chat(""));
    }
    Matcher knowledge = KNOWLEDGE_DATE.matcher(jinja);
    Matcher today = TODAY.matcher(jinja);
    if (!knowledge.find() || !today.find()) {
      return Recognition.none("the dates in the model's Llama 3 chat template are not written out");
    }
    return Recognition.of(
        new Llama3Chat(
            KNOWLEDGE + knowledge.group(1) + "\nToday Date: " + today.group(1) + "\n\n"));
  }

  @Override
  public String name() {
    return "Llama 3";
  }

  @Override
  public boolean writesBos() {
    return true;
  }

  @Override
  public List<Segment> apply(List<ChatMessage> messages, boolean addGenerationPrompt) {
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("a chat needs at least one message");
    }
    List<Segment> segments = new ArrayList<>();
    List<ChatMessage> rest = messages;
    if (!dates.isEmpty()) {
      boolean system = messages.getFirst().isSystem();
      addTurn(
          "system",
          dates + (system ? JinjaText.trim(messages.getFirst().content()) : ""),
          segments);
      rest = system ? messages.subList(1, messages.size()) : messages;
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
