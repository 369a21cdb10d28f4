package dev.baton.text;

import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufMetadata;
import java.util.List;
import java.util.Optional;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * How a model wants a conversation written. Baton writes two forms itself, {@link ChatMl} and
 * {@link Llama3Chat}. A model's own template is run on samples of what Baton sends, a user's
 * message with or without a system message before it; only where a form writes every one of them as
 * the template does, it is taken. Longer conversations, tool calls and documents are not covered.
 *
 * <p>What people wrote stays apart from what steers the model ({@link Segment#special}), so that no
 * content can pass for a control token. Immutable; any thread.
 */
public sealed interface ChatTemplate permits ChatMl, Llama3Chat {
  /** The family's name, for people. */
  String name();

  /** Whether the template itself writes the BOS token first. */
  boolean writesBos();

  /**
   * The conversation, without BOS. Neighbouring segments are never both plain.
   *
   * @param addGenerationPrompt ends with the opening of the assistant's turn, so that the model
   *     answers
   * @throws IllegalArgumentException for no messages
   */
  List<Segment> apply(List<ChatMessage> messages, boolean addGenerationPrompt);

  /**
   * A part of a written conversation.
   *
   * @param special true for the name of a control token, false for text in which none may be found
   */
  record Segment(String text, boolean special) {
    static Segment special(String text) {
      return new Segment(text, true);
    }

    static Segment plain(String text) {
      return new Segment(text, false);
    }
  }

  /**
   * What was made of a model's chat template. All texts are whole clauses without a full stop.
   *
   * @param template the form to write with, or nothing
   * @param modelHasOne whether the model has a template at all; a prompt to one that has none is
   *     completed
   * @param reason why there is no form; empty where there is one
   * @param systemReason why a system message cannot be placed; empty where it can
   * @param note what is written otherwise than by the template; empty for nothing
   */
  record Recognition(
      Optional<ChatTemplate> template,
      boolean modelHasOne,
      String reason,
      String systemReason,
      String note) {
    private static Recognition absent() {
      String reason = "the model has no chat template";
      return new Recognition(Optional.empty(), false, reason, reason, "");
    }

    private static Recognition none(String why) {
      String reason = "the model's chat template " + why;
      return new Recognition(Optional.empty(), true, reason, reason, "");
    }

    /**
     * Why a prompt cannot be written for the model, with a way out; empty where it can.
     *
     * @param system the system message, or null
     */
    public Optional<String> refusal(@Nullable String system) {
      if (modelHasOne && template.isEmpty()) {
        return Optional.of(reason + "; --raw completes the prompt as it is");
      }
      return system == null || systemReason.isEmpty()
          ? Optional.empty()
          : Optional.of(systemReason + "; put the system message into the prompt");
    }
  }

  /**
   * The chat template of a model.
   *
   * @throws GgufException where the template is there but no string
   */
  static Recognition recognise(GgufMetadata metadata) {
    String template = metadata.string("tokenizer.chat_template", "");
    return template.isBlank() ? Recognition.absent() : recognise(template);
  }

  /**
   * The chat template of a model, if Baton writes it; {@link #recognise} says why not.
   *
   * @throws GgufException where the template is there but no string
   */
  static Optional<ChatTemplate> from(GgufMetadata metadata) {
    return recognise(metadata).template();
  }

  /**
   * The form that writes what a Jinja text does.
   *
   * @param jinja the text of {@code tokenizer.chat_template}
   */
  static Recognition recognise(String jinja) {
    try {
      return recognise(new ChatProbe(jinja));
    } catch (JinjaException e) {
      return Recognition.none(e.getMessage() + ", which this version does not follow");
    }
  }

  private static Recognition recognise(ChatProbe probe) {
    String written = probe.written(ChatMessage.user("x"));
    boolean bos = written.startsWith(ChatProbe.BOS);
    String first = bos ? written.substring(ChatProbe.BOS.length()) : written;
    ChatTemplate form;
    if (ChatMl.begins(first)) {
      boolean trims = !probe.written(ChatMessage.user(" x ")).contains(" x ");
      form = ChatMl.of(first, trims, bos);
    } else if (Llama3Chat.begins(first)) {
      form = Llama3Chat.of(first, bos, probe);
    } else {
      return Recognition.none("is neither ChatML nor Llama 3, which are what this version writes");
    }
    boolean opens = !probe.endsWithTheTurn(form);
    String difference = probe.difference(form, opens, false);
    if (!difference.isEmpty()) {
      return Recognition.none("is not quite " + form.name() + ": it " + difference);
    }
    StringJoiner note = new StringJoiner("; ");
    if (!opens) {
      note.add("the model's chat template does not open the assistant's turn, Baton does");
    }
    if (probe.asksForTheDate()) {
      note.add(
          "the model's chat template writes today's date; Baton writes the one in its text, so that"
              + " a prompt does not change overnight");
    }
    return new Recognition(
        Optional.of(form), true, "", systemReason(probe, form, opens), note.toString());
  }

  private static String systemReason(ChatProbe probe, ChatTemplate form, boolean opens) {
    try {
      String difference = probe.difference(form, opens, true);
      return difference.isEmpty()
          ? ""
          : "with a system message the model's chat template is not quite "
              + form.name()
              + ": it "
              + difference;
    } catch (JinjaException e) {
      return "with a system message the model's chat template " + e.getMessage();
    }
  }

  /**
   * The ids of a conversation, with one BOS first where the model or the template wants one.
   *
   * @throws IllegalArgumentException for no messages
   */
  default int[] encode(
      Tokenizer tokenizer, List<ChatMessage> messages, boolean addGenerationPrompt) {
    return encode(tokenizer, apply(messages, addGenerationPrompt), false, writesBos());
  }

  /**
   * The ids of a conversation's beginning, ready for the model to answer.
   *
   * @param system what the model is told about itself, or null for the template's own default
   */
  default int[] encode(Tokenizer tokenizer, @Nullable String system, String prompt) {
    return encode(tokenizer, system, prompt, false);
  }

  /**
   * As {@link #encode(Tokenizer, String, String)}.
   *
   * @param special whether what people wrote may name control tokens too
   */
  default int[] encode(
      Tokenizer tokenizer, @Nullable String system, String prompt, boolean special) {
    ChatMessage user = ChatMessage.user(prompt);
    List<ChatMessage> messages =
        system == null ? List.of(user) : List.of(ChatMessage.system(system), user);
    return encode(tokenizer, apply(messages, true), special, writesBos());
  }

  private static int[] encode(
      Tokenizer tokenizer, List<Segment> segments, boolean special, boolean writesBos) {
    IdBuffer ids = new IdBuffer();
    Vocabulary vocabulary = tokenizer.vocabulary();
    int bos = vocabulary.special().bos();
    if ((writesBos || vocabulary.framing().addsBos()) && bos != Vocabulary.NONE) {
      ids.add(bos);
    }
    for (Segment segment : segments) {
      for (int id : tokenizer.encode(segment.text(), false, special || segment.special())) {
        ids.add(id);
      }
    }
    return ids.toArray();
  }
}
