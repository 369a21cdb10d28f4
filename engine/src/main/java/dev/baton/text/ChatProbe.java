package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.text.JinjaSyntax.Node;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A model's chat template, run on sample conversations of the kinds that Baton sends: a user's
 * message, with or without a system message before it. What it writes of them tells whether one of
 * Baton's own forms writes the same. Immutable; any thread.
 */
final class ChatProbe {
  /** Stands for the BOS and EOS tokens in what is written: no text that people write. */
  static final String BOS = "\uE0B0";

  private static final String EOS = "\uE0E0";
  private static final int SHOWN_CHARACTERS = 32;
  private static final String TODAY = "\uE0DA";

  /** Short, long, with white space around it, and with all that templates are known to look for. */
  private static final List<String> SAMPLES =
      List.of(
          "x",
          "  Two\n\n lines? 'q' \"d\" <b>&é</b> {{ x }} 日本 _a_ /no_think\t \n",
          "<think>a</think>b",
          "<tool_response>a</tool_response>",
          "A b. ".repeat(400));

  private static final String SYSTEM = "\n You are terse: 'no', \"yes\" & <é>.\n\nBe kind. /think ";

  private final List<Node> template;

  /**
   * @throws JinjaException where it cannot be read
   */
  ChatProbe(String jinja) {
    template = JinjaParser.parse(jinja);
  }

  /**
   * What the template writes of a conversation that the model is to go on with.
   *
   * @throws JinjaException where that cannot be told
   */
  String written(ChatMessage... messages) {
    return written(null, List.of(messages));
  }

  private String written(@Nullable String today, List<ChatMessage> messages) {
    List<Object> each = new ArrayList<>();
    messages.forEach(
        message -> each.add(Map.of("role", message.role(), "content", message.content())));
    Map<String, @Nullable Object> variables = new HashMap<>();
    variables.put("messages", each);
    variables.put("add_generation_prompt", true);
    variables.put("bos_token", BOS);
    variables.put("eos_token", EOS);
    variables.put("strftime_now", today);
    return JinjaRenderer.render(template, variables);
  }

  /**
   * Where the template writes a sample otherwise than {@code form} does, for people; empty where it
   * nowhere does.
   *
   * @param opens whether the form is to open the assistant's turn
   */
  String difference(ChatTemplate form, boolean opens, boolean withSystem) {
    for (String sample : SAMPLES) {
      ChatMessage user = ChatMessage.user(sample);
      List<ChatMessage> messages =
          withSystem ? List.of(ChatMessage.system(SYSTEM), user) : List.of(user);
      String templates = written(null, messages);
      String forms = written(form, messages, opens);
      int at = Arrays.mismatch(templates.toCharArray(), forms.toCharArray());
      if (at >= 0) {
        return "writes " + shown(templates, at) + " where that has " + shown(forms, at);
      }
    }
    return "";
  }

  private static String shown(String text, int at) {
    String rest = text.substring(Math.min(at, text.length()));
    String cut = rest.length() > SHOWN_CHARACTERS ? rest.substring(0, SHOWN_CHARACTERS) : rest;
    return rest.isEmpty() ? "nothing" : quoted(cut.replace("\n", "\\n").replace(BOS, "BOS"));
  }

  private static String written(ChatTemplate form, List<ChatMessage> messages, boolean opens) {
    StringBuilder text = new StringBuilder(form.writesBos() ? BOS : "");
    form.apply(messages, opens).forEach(segment -> text.append(segment.text()));
    return text.toString();
  }

  /** Whether the template closes the user's turn as {@code form} does and writes no more. */
  boolean endsWithTheTurn(ChatTemplate form) {
    List<ChatMessage> sample = List.of(ChatMessage.user("x"));
    return written(null, sample).equals(written(form, sample, false));
  }

  /** Whether what is written depends on the day, where the template can ask for it. */
  boolean asksForTheDate() {
    List<ChatMessage> sample = List.of(ChatMessage.user("x"));
    try {
      return !written(TODAY, sample).equals(written(null, sample));
    } catch (JinjaException _) {
      return true;
    }
  }
}
