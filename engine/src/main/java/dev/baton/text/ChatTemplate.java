package dev.baton.text;

import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufMetadata;
import dev.baton.template.Template;
import dev.baton.template.TemplateException;
import java.time.InstantSource;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How a model wants a conversation written: the template that its file brings, or another.
 *
 * <p>What people wrote stays apart from what steers the model: control tokens are found only in
 * what the template itself writes, so that no content can pass for one. Immutable; any thread.
 */
public final class ChatTemplate {
  /** ChatML, which many models know. */
  public static final String CHATML =
      "{% for message in messages %}"
          + "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
          + "{% endfor %}"
          + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

  private static final String WAY_OUT =
      "; --chat-template chatml or --chat-template FILE writes it by another";

  /** What a template may put into the names of control tokens, as {@code '<|' + role + '|>'}. */
  private static final Set<String> ROLES =
      Set.of(
          "system",
          "developer",
          "user",
          "assistant",
          "tool",
          "function",
          "ipython",
          "model",
          "observation");

  private final Template template;

  private ChatTemplate(Template template) {
    this.template = template;
  }

  /**
   * The template that a Jinja text is.
   *
   * @throws TemplateException where it cannot be read
   */
  public static ChatTemplate of(String jinja) {
    return new ChatTemplate(Template.parse(jinja));
  }

  /**
   * What was made of a model's chat template. All texts are whole clauses without a full stop.
   *
   * @param template what to write with, or nothing
   * @param modelHasOne whether there is a template at all; a prompt to a model that has none is
   *     completed
   * @param reason why it cannot be used; empty where it can
   * @param systemReason why a system message cannot be placed; empty where it can
   */
  public record Recognition(
      Optional<ChatTemplate> template, boolean modelHasOne, String reason, String systemReason) {
    private static Recognition absent() {
      String reason = "the model has no chat template";
      return new Recognition(Optional.empty(), false, reason, reason);
    }

    private static Recognition none(String reason) {
      return new Recognition(Optional.empty(), true, reason, reason);
    }

    /**
     * Why a prompt cannot be written for the model, with a way out; empty where it can.
     *
     * @param system the system message, or null
     */
    public Optional<String> refusal(@Nullable String system) {
      if (modelHasOne && template.isEmpty()) {
        return Optional.of(reason + WAY_OUT + ", --raw completes the prompt as it is");
      }
      if (system == null || systemReason.isEmpty()) {
        return Optional.empty();
      }
      return Optional.of(
          systemReason + (modelHasOne ? "; put the system message into the prompt" : WAY_OUT));
    }

    /**
     * What to write a conversation with.
     *
     * @throws TemplateException where there is nothing, with a way out
     */
    public ChatTemplate required() {
      return template.orElseThrow(() -> TemplateException.unusable(reason + WAY_OUT));
    }
  }

  /**
   * The chat template of a model.
   *
   * @throws GgufException where the template is there but no string
   */
  public static Recognition recognise(GgufMetadata metadata) {
    String template = metadata.string("tokenizer.chat_template", "");
    return template.isBlank()
        ? Recognition.absent()
        : recognise(template, "the model's chat template");
  }

  /**
   * The chat template to use with a model.
   *
   * @param given a Jinja text that goes before the model's own, or null
   * @throws GgufException where the model's is there but no string
   */
  public static Recognition recognise(GgufMetadata metadata, @Nullable String given) {
    return given == null ? recognise(metadata) : recognise(given, "the chat template given");
  }

  /**
   * What a Jinja text is good for, which a prompt with and without a system message shows.
   *
   * @param name what it is called
   */
  public static Recognition recognise(String jinja, String name) {
    try {
      ChatTemplate template = of(jinja);
      template.apply(Conversation.of(null, "x"), "", "", ZonedDateTime.now(ZoneId.of("UTC")));
      String systemReason = template.systemReason(name);
      return new Recognition(Optional.of(template), true, "", systemReason);
    } catch (TemplateException e) {
      return Recognition.none(name + " cannot be used: " + e.getMessage());
    }
  }

  private String systemReason(String name) {
    String sample = "Answer tersely.";
    Conversation conversation = Conversation.of(sample, "x");
    try {
      boolean hasPlace =
          apply(conversation, "", "", ZonedDateTime.now(ZoneId.of("UTC"))).stream()
              .anyMatch(piece -> piece.text().contains(sample));
      return hasPlace ? "" : name + " has no place for a system message";
    } catch (TemplateException e) {
      return name + " takes no system message: " + e.getMessage();
    }
  }

  /**
   * The conversation as the template writes it.
   *
   * @param bos the name of the BOS token; empty for none
   * @param eos the name of the EOS token; empty for none
   * @param now what a template that asks for the date is told
   * @throws TemplateException where the template fails or does not take the conversation
   */
  public List<Template.Piece> apply(
      Conversation conversation, String bos, String eos, ZonedDateTime now) {
    Map<String, @Nullable Object> variables = new HashMap<>(conversation.variables());
    List<Object> messages = new ArrayList<>();
    for (ChatMessage message : conversation.messages()) {
      String name = message.role();
      Object role = ROLES.contains(name) ? new Template.Trusted(name) : name;
      Map<String, @Nullable Object> fields = new LinkedHashMap<>();
      fields.put("role", role);
      fields.putAll(message.fields());
      fields.put("role", role);
      messages.add(fields);
    }
    variables.put("messages", messages);
    if (!conversation.tools().isEmpty()) {
      variables.put("tools", conversation.tools());
    }
    variables.put("add_generation_prompt", conversation.addGenerationPrompt());
    variables.put("bos_token", new Template.Trusted(bos));
    variables.put("eos_token", new Template.Trusted(eos));
    return template.render(variables, now);
  }

  /**
   * The ids of a conversation, with one BOS first where the model or the template wants one.
   *
   * @param clock tells a template that asks for it what day it is
   * @throws TemplateException as {@link #apply}
   */
  public int[] encode(Tokenizer tokenizer, Conversation conversation, InstantSource clock) {
    return encode(tokenizer, conversation, clock, false);
  }

  /**
   * As {@link #encode(Tokenizer, Conversation, InstantSource)}.
   *
   * @param special whether what people wrote may name control tokens too
   */
  public int[] encode(
      Tokenizer tokenizer, Conversation conversation, InstantSource clock, boolean special) {
    Vocabulary vocabulary = tokenizer.vocabulary();
    int bos = vocabulary.special().bos();
    List<Template.Piece> pieces =
        apply(
            conversation,
            nameOf(vocabulary, bos),
            nameOf(vocabulary, vocabulary.special().eos()),
            ZonedDateTime.ofInstant(clock.instant(), ZoneId.systemDefault()));
    int[] written = tokenizer.encode(pieces, special);
    boolean isMissing =
        vocabulary.framing().addsBos()
            && bos != Vocabulary.NONE
            && (written.length == 0 || written[0] != bos);
    if (!isMissing) {
      return written;
    }
    IdBuffer ids = new IdBuffer();
    ids.add(bos);
    for (int id : written) {
      ids.add(id);
    }
    return ids.toArray();
  }

  private static String nameOf(Vocabulary vocabulary, int id) {
    return id == Vocabulary.NONE ? "" : vocabulary.token(id).text();
  }
}
