package dev.baton;

import dev.baton.gguf.GgufFile;
import dev.baton.text.ChatTemplate;
import dev.baton.text.Conversation;
import dev.baton.text.Tokenizer;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a model's file says of text: its vocabulary, and how a conversation is written for it.
 *
 * @param file the model's
 */
record ModelText(Path file, Tokenizer tokenizer, ChatTemplate.Recognition template) {
  static ModelText of(Path model) {
    return of(model, null);
  }

  /**
   * @param chatTemplate the Jinja that conversations are written by; null for the model's own
   */
  static ModelText of(Path model, @Nullable String chatTemplate) {
    try (GgufFile file = GgufFile.openMetadata(model)) {
      return new ModelText(
          model,
          Tokenizer.from(file.metadata()),
          ChatTemplate.recognise(file.metadata(), chatTemplate));
    }
  }

  /**
   * The tokens of a request's prompt.
   *
   * @throws BatonException when it has none, or cannot be written for the model
   * @throws dev.baton.template.TemplateException when the chat template does not write it
   */
  int[] promptTokens(GenerateRequest request) {
    int[] tokens = tokens(request);
    if (tokens.length == 0) {
      throw new BatonException(
          "the prompt has no tokens in this model's vocabulary: give some other text");
    }
    return tokens;
  }

  private int[] tokens(GenerateRequest request) {
    Conversation conversation = request.conversation();
    if (conversation != null) {
      return template
          .required()
          .encode(tokenizer, conversation, InstantSource.system(), request.special());
    }
    if (request.prompt().isEmpty()) {
      throw new BatonException("the prompt is empty: give some text to go on from");
    }
    if (!request.raw()) {
      template
          .refusal(request.system())
          .ifPresent(why -> {
            throw new BatonException(file + ": " + why);
          });
    }
    Optional<ChatTemplate> chat = request.raw() ? Optional.empty() : template.template();
    return chat.map(form ->
            form.encode(
                tokenizer,
                Conversation.of(request.system(), request.prompt()),
                InstantSource.system(),
                request.special()))
        .orElseGet(() -> tokenizer.encode(request.prompt(), true, request.special()));
  }
}
