package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of a prompt and a system message where a model has this or that chat template. */
class BatonChatTest {
  private static final String CHATML =
      "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' +"
          + " '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
          + "{% endif %}";
  private static final GenerateRequest FOX = GenerateRequest.of("The little fox").withMaxTokens(8);

  @TempDir private Path folder;

  @Test
  void shouldRefuseAPromptWhoseTemplateFailsAndCompleteItAsItIs() throws Exception {
    try (Baton baton = open("[INST]\n{{ messages[0].content + 1 }}[/INST]")) {
      BatonException refused = assertThrows(BatonException.class, () -> baton.generate(FOX));
      assertEquals(
          folder.resolve("model.gguf")
              + ": the model's chat template cannot be used: line 2, column 24: can only"
              + " concatenate str (not \"int\") to str; --chat-template chatml or --chat-template"
              + " FILE writes it by another, --raw completes the prompt as it is",
          refused.getMessage());
      assertEquals(" lived in a green garden. His name", text(baton, FOX.asRaw()));
    }
  }

  @Test
  void shouldSendASystemMessageOrRefuseItButNeverDropIt() throws Exception {
    try (Baton baton = open(CHATML)) {
      String without = "<|im_start|>user\nThe little fox<|im_end|>\n<|im_start|>assistant\n";
      assertEquals(text(baton, raw(without)), text(baton, FOX));
      String with = "<|im_start|>system\nOnce upon a time<|im_end|>\n" + without;
      assertEquals(text(baton, raw(with)), text(baton, FOX.withSystem("Once upon a time")));
      assertNotEquals(text(baton, raw(with)), text(baton, raw(without)));
    }
    String dropping = CHATML.replace("in messages", "in messages if m.role == 'user'");
    try (Baton baton = open(dropping)) {
      assertTrue(text(baton, FOX).length() > 0);
      refuses(baton, "the model's chat template has no place for a system message");
    }
    try (Baton baton = open("")) {
      assertEquals(" lived in a green garden. His name", text(baton, FOX));
      refuses(baton, "the model has no chat template");
    }
  }

  @Test
  void shouldWriteByTheTemplateGiven() throws Exception {
    Path model = ChangedModel.withTemplate(folder.resolve("model.gguf"), "");
    BatonConfig config =
        BatonConfig.builder(model).split(new Split.Local()).chatTemplate(CHATML).build();
    try (Baton baton = Baton.open(config)) {
      String written = "<|im_start|>user\nThe little fox<|im_end|>\n<|im_start|>assistant\n";
      assertEquals(text(baton, raw(written)), text(baton, FOX));
    }
  }

  @Test
  void shouldRefuseARawPromptWithASystemMessage() {
    GenerateRequest system = FOX.withSystem("Be brief.");
    assertThrows(IllegalArgumentException.class, system::asRaw);
  }

  private static void refuses(Baton baton, String why) {
    GenerateRequest system = FOX.withSystem("Be brief.");
    BatonException refused = assertThrows(BatonException.class, () -> baton.generate(system));
    assertTrue(String.valueOf(refused.getMessage()).contains(": " + why), refused::getMessage);
  }

  private static GenerateRequest raw(String prompt) {
    return GenerateRequest.of(prompt).withMaxTokens(8).asRaw();
  }

  private Baton open(String template) throws IOException {
    Path model = ChangedModel.withTemplate(folder.resolve("model.gguf"), template);
    return Baton.open(BatonConfig.builder(model).split(new Split.Local()).build());
  }

  private static String text(Baton baton, GenerateRequest request) throws InterruptedException {
    StringBuilder text = new StringBuilder();
    try (Generation answer = baton.generate(request)) {
      for (String piece = answer.next(); piece != null; piece = answer.next()) {
        text.append(piece);
      }
    }
    return text.toString();
  }
}
