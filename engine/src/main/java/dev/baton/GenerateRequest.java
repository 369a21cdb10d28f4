package dev.baton;

import dev.baton.decode.SamplingParams;
import dev.baton.schedule.Priority;
import dev.baton.text.Conversation;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What to answer, and how. Made by {@link #of} and the methods that change one thing of it, or by a
 * {@link #builder}.
 *
 * @param prompt the user's text; empty where there is a conversation
 * @param conversation what the chat template writes in place of prompt and system message, or null
 * @param system a system message for models with a chat template, or null
 * @param raw send the prompt as it is, without the model's chat template and a system message
 * @param maxTokens most tokens to answer with; the context may end the answer before
 * @param sampling how to choose tokens
 * @param stop texts that end the answer; they are not part of it
 * @param split where to cut this request, or null for the engine's choice
 * @param caller a name for who asks, or null: how long answers are is learnt for each caller, since
 *     the planner has to expect a length
 * @param priority who it goes before where not everybody can, and gives way to
 * @param special whether names of control tokens in the prompt become those tokens, and those of
 *     the answer are shown; never for a prompt of somebody who is not to steer the model
 */
public record GenerateRequest(
    String prompt,
    @Nullable Conversation conversation,
    @Nullable String system,
    boolean raw,
    int maxTokens,
    SamplingParams sampling,
    List<String> stop,
    @Nullable Split split,
    @Nullable String caller,
    Priority priority,
    boolean special) {
  public GenerateRequest {
    Objects.requireNonNull(prompt, "prompt");
    Objects.requireNonNull(sampling, "sampling");
    Objects.requireNonNull(priority, "priority");
    stop = List.copyOf(stop);
    if (maxTokens < 1) {
      throw new IllegalArgumentException(
          "the answer must be allowed at least one token, got " + maxTokens);
    }
    if (conversation != null && (raw || system != null || !prompt.isEmpty())) {
      throw new IllegalArgumentException("a conversation is all that a prompt says");
    }
    if (raw && system != null) {
      throw new IllegalArgumentException(
          "a raw prompt has no place for a system message; leave one of the two out");
    }
    for (String text : stop) {
      if (text.isEmpty()) {
        throw new IllegalArgumentException("a stop text must not be empty");
      }
    }
  }

  /** Greedy, through the chat template where the model has one, at most 128 tokens. */
  public static GenerateRequest of(String prompt) {
    return builder(prompt).build();
  }

  /** The same, to be changed. */
  public static Builder builder(String prompt) {
    return new Builder(prompt, null);
  }

  /** An answer to a conversation, which the model's chat template writes. */
  public static Builder builder(Conversation conversation) {
    return new Builder("", conversation);
  }

  public GenerateRequest withMaxTokens(int tokens) {
    return toBuilder().maxTokens(tokens).build();
  }

  public GenerateRequest withSampling(SamplingParams params) {
    return toBuilder().sampling(params).build();
  }

  public GenerateRequest withSplit(Split where) {
    return toBuilder().split(where).build();
  }

  public GenerateRequest withSystem(@Nullable String text) {
    return toBuilder().system(text).build();
  }

  public GenerateRequest withStop(List<String> texts) {
    return toBuilder().stop(texts).build();
  }

  public GenerateRequest withCaller(@Nullable String name) {
    return toBuilder().caller(name).build();
  }

  public GenerateRequest withPriority(Priority of) {
    return toBuilder().priority(of).build();
  }

  /**
   * Sends the prompt as it is.
   *
   * @throws IllegalArgumentException where there is a system message
   */
  public GenerateRequest asRaw() {
    return toBuilder().raw(true).build();
  }

  /** Lets the prompt name control tokens, and shows those of the answer. */
  public GenerateRequest withSpecial() {
    return toBuilder().special(true).build();
  }

  private Builder toBuilder() {
    return new Builder(prompt, conversation)
        .system(system)
        .raw(raw)
        .maxTokens(maxTokens)
        .sampling(sampling)
        .stop(stop)
        .split(split)
        .caller(caller)
        .priority(priority)
        .special(special);
  }

  /** Makes a request. */
  public static final class Builder {
    private final String prompt;
    private final @Nullable Conversation conversation;
    private @Nullable String system;
    private boolean raw;
    private int maxTokens = 128;
    private SamplingParams sampling = SamplingParams.greedy();
    private List<String> stop = List.of();
    private @Nullable Split split;
    private @Nullable String caller;
    private Priority priority = Priority.INTERACTIVE;
    private boolean special;

    private Builder(String prompt, @Nullable Conversation conversation) {
      this.prompt = prompt;
      this.conversation = conversation;
    }

    public Builder system(@Nullable String text) {
      this.system = text;
      return this;
    }

    public Builder raw(boolean wanted) {
      this.raw = wanted;
      return this;
    }

    public Builder maxTokens(int tokens) {
      this.maxTokens = tokens;
      return this;
    }

    public Builder sampling(SamplingParams params) {
      this.sampling = params;
      return this;
    }

    public Builder stop(List<String> texts) {
      this.stop = texts;
      return this;
    }

    public Builder split(@Nullable Split where) {
      this.split = where;
      return this;
    }

    public Builder caller(@Nullable String name) {
      this.caller = name;
      return this;
    }

    public Builder priority(Priority of) {
      this.priority = of;
      return this;
    }

    public Builder special(boolean wanted) {
      this.special = wanted;
      return this;
    }

    /**
     * @throws IllegalArgumentException naming the value that cannot be
     */
    public GenerateRequest build() {
      return new GenerateRequest(
          prompt,
          conversation,
          system,
          raw,
          maxTokens,
          sampling,
          stop,
          split,
          caller,
          priority,
          special);
    }
  }
}
