package dev.baton.server.openai;

import dev.baton.GenerateRequest;
import dev.baton.server.api.Fields;
import dev.baton.server.api.InvalidRequestException;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/** {@code /v1/completions}: text that goes on from a text. */
final class TextForm implements Form {
  @Override
  public List<String> refused() {
    return List.of("suffix", "echo", "best_of");
  }

  @Override
  public GenerateRequest.Builder prompt(Fields fields) throws InvalidRequestException {
    List<String> prompts = fields.texts("prompt");
    if (prompts.size() != 1) {
      throw Fields.wrong("prompt", "one text");
    }
    return GenerateRequest.builder(prompts.getFirst()).raw(true);
  }

  @Override
  public String idPrefix() {
    return "cmpl-";
  }

  @Override
  public String object(boolean isPiece) {
    return "text_completion";
  }

  @Override
  public void putText(ObjectNode choice, String text) {
    choice.put("text", text);
  }

  @Override
  public boolean putFirst(ObjectNode choice) {
    return false;
  }

  @Override
  public void putPiece(ObjectNode choice, String text) {
    choice.put("text", text);
  }
}
