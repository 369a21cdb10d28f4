package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.text.TokenType;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where an answer ends, and what its report says of that. */
class AnswerEndTest {
  private static final GenerateRequest ONCE =
      GenerateRequest.of("Once upon a time").asRaw().withMaxTokens(60);

  @TempDir private Path folder;

  private static Baton open(Path model) {
    return Baton.open(BatonConfig.builder(model).split(new Split.Local()).build());
  }

  private static String text(Generation answer) throws InterruptedException {
    StringBuilder text = new StringBuilder();
    for (String piece = answer.next(); piece != null; piece = answer.next()) {
      text.append(piece);
    }
    return text.toString();
  }

  @Test
  void shouldEndInTheStepThatCompletesAStopTextThoughNobodyReads() throws Exception {
    try (Baton baton = open(BatonProcess.TINY)) {
      String whole;
      try (Generation answer = baton.generate(ONCE)) {
        whole = text(answer);
        assertEquals("length", answer.report().end());
      }
      String stop = whole.substring(whole.length() / 2, whole.length() / 2 + 5);
      GenerateRequest request = ONCE.withStop(List.of("never", stop)).withMaxTokens(900);
      for (int i = 0; i < 10; i++) {
        try (Generation unread = baton.generate(request);
            Generation read = baton.generate(request)) {
          assertEquals(whole.substring(0, whole.indexOf(stop)), text(read));
          assertEquals("stop", unread.report().end());
          assertEquals("stop", read.report().end());
          assertEquals(read.takenTokens().length, read.report().tokens().outputTokens());
          assertEquals(
              read.report().tokens().outputTokens(), unread.report().tokens().outputTokens());
          assertEquals(whole.substring(0, whole.indexOf(stop)), text(unread));
        }
      }
    }
  }

  @Test
  void shouldEndAtTheNameOfATokenThatIsNotShown() throws Exception {
    int token;
    String before;
    try (Baton baton = open(BatonProcess.TINY);
        Generation answer = baton.generate(ONCE)) {
      String whole = text(answer);
      token = answer.takenTokens()[8];
      String name = baton.tokenizer().vocabulary().token(token).text();
      assertFalse(name.isBlank());
      before =
          whole.substring(0, whole.indexOf(baton.tokenizer().decode(new int[] {token}).strip()));
    }
    Path steered = new PatchedModel().withControlToken(token).write(folder.resolve("steered.gguf"));
    try (Baton baton = open(steered)) {
      assertEquals(TokenType.CONTROL, baton.tokenizer().vocabulary().token(token).type());
      String name = baton.tokenizer().vocabulary().token(token).text();
      try (Generation answer = baton.generate(ONCE.withStop(List.of(name)))) {
        assertEquals(before.strip(), text(answer).strip());
        assertEquals("stop", answer.report().end());
        assertEquals(token, answer.takenTokens()[answer.takenTokens().length - 1]);
      }
      try (Generation answer = baton.generate(ONCE.withStop(List.of("never")))) {
        assertFalse(text(answer).contains(name));
      }
    }
  }

  @Test
  void shouldTellAFullContextFromTheLengthThatWasAllowed() throws Exception {
    try (Baton baton = open(BatonProcess.TINY)) {
      int context = baton.compute().model().shape().context();
      GenerateRequest request = ONCE;
      int room = context;
      for (int n = 0; room > 3; n++) { // in the middle of a sentence: the model does not end there
        request = GenerateRequest.of("so ".repeat(n) + "One day, Max the bear came to").asRaw();
        room = context - baton.tokenizer().encode(request.prompt(), true, false).length;
      }
      assertTrue(room >= 2);
      assertEquals("context", endOf(baton, request.withMaxTokens(room + 1)));
      assertEquals("length", endOf(baton, request.withMaxTokens(room)));
      assertEquals("length", endOf(baton, request.withMaxTokens(2)));
    }
  }

  private static String endOf(Baton baton, GenerateRequest request) throws InterruptedException {
    try (Generation answer = baton.generate(request)) {
      String _ = text(answer);
      return answer.report().end();
    }
  }

  @Test
  void shouldTakeTheFilesNameForAModelWithoutOne() throws Exception {
    Path nameless = new PatchedModel().withBlankName().write(folder.resolve("nameless.gguf"));
    try (Baton baton = open(nameless)) {
      assertEquals("nameless.gguf", baton.modelName());
    }
  }

  @Test
  void shouldAnswerAndEndWithAutomaticSplitsOfAModelWithoutAName() throws Exception {
    Path nameless = new PatchedModel().withBlankName().write(folder.resolve("nameless.gguf"));
    try (BatonProcess process =
        BatonProcess.start(
            java.util.Map.of("BATON_HOME", folder.resolve("home").toString()),
            "run",
            "--model",
            nameless.toString(),
            "--split",
            "auto",
            "--max-tokens",
            "8",
            "Once upon a time")) {
      assertEquals(0, process.await(), process::err);
      assertTrue(process.err().contains("nameless.gguf"), process.err());
    }
  }
}
