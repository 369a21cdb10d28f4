package dev.baton.text;

import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufMetadata;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How a model wants a conversation written. Baton knows two families and tells them by the markers
 * in the GGUF's {@code tokenizer.chat_template}: {@link ChatMl} and {@link Llama3Chat}. It reads a
 * few facts out of the template's text and does not run it: tool calls, documents and the removal
 * of earlier reasoning are not covered.
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
   * @param template the template, or nothing
   * @param reason why there is none, to follow "the prompt is sent as it is: "; empty where there
   *     is one
   */
  record Recognition(Optional<ChatTemplate> template, String reason) {
    static Recognition of(ChatTemplate template) {
      return new Recognition(Optional.of(template), "");
    }

    static Recognition none(String reason) {
      return new Recognition(Optional.empty(), reason);
    }
  }

  /**
   * The chat template of a model.
   *
   * @throws GgufException where the template is there but no string
   */
  static Recognition recognise(GgufMetadata metadata) {
    String template = metadata.string("tokenizer.chat_template", "");
    return template.isBlank()
        ? Recognition.none("the model has no chat template")
        : recognise(template);
  }

  /**
   * The chat template of a model, if Baton knows it; {@link #recognise} says why not.
   *
   * @throws GgufException where the template is there but no string
   */
  static Optional<ChatTemplate> from(GgufMetadata metadata) {
    return recognise(metadata).template();
  }

  /**
   * The template that a Jinja text stands for.
   *
   * @param jinja the text of {@code tokenizer.chat_template}
   */
  static Recognition recognise(String jinja) {
    if (jinja.contains(ChatMl.START)
        && jinja.contains(ChatMl.END)
        && !jinja.contains("<|im_sep|>")) {
      return Recognition.of(ChatMl.from(jinja));
    }
    if (jinja.contains(Llama3Chat.START_HEADER) && jinja.contains(Llama3Chat.END_OF_TURN)) {
      return Llama3Chat.from(jinja);
    }
    return Recognition.none("the model's chat template is neither ChatML nor Llama 3");
  }

  /**
   * The ids of a conversation, with one BOS first where the model or the template wants one.
   *
   * @throws IllegalArgumentException for no messages
   */
  default int[] encode(
      Tokenizer tokenizer, List<ChatMessage> messages, boolean addGenerationPrompt) {
    IdBuffer ids = new IdBuffer();
    Vocabulary vocabulary = tokenizer.vocabulary();
    int bos = vocabulary.special().bos();
    if ((writesBos() || vocabulary.framing().addsBos()) && bos != Vocabulary.NONE) {
      ids.add(bos);
    }
    for (Segment segment : apply(messages, addGenerationPrompt)) {
      for (int id : tokenizer.encode(segment.text(), false, segment.special())) {
        ids.add(id);
      }
    }
    return ids.toArray();
  }

  /**
   * The ids of a conversation's beginning, ready for the model to answer.
   *
   * @param system what the model is told about itself, or null for the template's own default
   */
  default int[] encode(Tokenizer tokenizer, @Nullable String system, String prompt) {
    ChatMessage user = ChatMessage.user(prompt);
    return encode(
        tokenizer,
        system == null ? List.of(user) : List.of(ChatMessage.system(system), user),
        true);
  }
}
