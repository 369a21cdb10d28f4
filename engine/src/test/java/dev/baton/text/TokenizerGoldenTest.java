package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.gguf.GgufFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerGoldenTest {
  @Test
  void shouldEncodeAsLlamaCppDoesWithBatonTiny() throws IOException {
    GoldenCases.assertEncodes(
        open(GoldenCases.BATON_TINY), GoldenCases.of("baton-tiny-golden.json"));
  }

  @Test
  void shouldEncodeThePromptsOfBatonTinysNote() throws IOException {
    Tokenizer tokenizer = open(GoldenCases.BATON_TINY);
    assertArrayEquals(
        new int[] {0, 458, 504, 260, 413}, tokenizer.encode("Once upon a time", true, false));
    assertArrayEquals(
        new int[] {0, 680, 381, 1174}, tokenizer.encode("The little fox", true, false));
    assertArrayEquals(
        new int[] {0, 1041, 341, 13, 551, 263, 931},
        tokenizer.encode("One day, Max the bear", true, false));
    assertTrue(tokenizer.isEndOfGeneration(1));
    assertFalse(tokenizer.isEndOfGeneration(0));
  }

  @Test
  void shouldEncodeAsLlamaCppDoesWithSentencePiece() throws IOException {
    Optional<Path> model = GoldenCases.shared("models/stories260K.gguf");
    assumeTrue(model.isPresent(), "shared/models/stories260K.gguf is not beside the project");
    Tokenizer tokenizer = open(model.get());
    GoldenCases.assertEncodes(tokenizer, GoldenCases.of("stories260K-golden.json"));
    assertTrue(tokenizer.isEndOfGeneration(2));
  }

  @ParameterizedTest
  @ValueSource(strings = {"smollm", "gpt-2", "llama-bpe", "qwen2", "default"})
  void shouldEncodeAsLlamaCppDoesWithEachPreTokenizer(String preTokenizer) throws IOException {
    GoldenCases.assertEncodes(
        Tokenizer.of(GoldenCases.smolLm2(preTokenizer)), GoldenCases.ofSmolLm2(preTokenizer));
  }

  @Test
  void shouldDecodeWhatItEncodedWithBatonTiny() throws IOException {
    Tokenizer tokenizer = open(GoldenCases.BATON_TINY);
    for (GoldenCases.Case each : GoldenCases.of("baton-tiny-golden.json")) {
      int[] ids = tokenizer.encode(each.text(), false, each.parseSpecial());
      assertEquals(each.text(), tokenizer.decode(ids, true));
    }
  }

  private static Tokenizer open(Path model) throws IOException {
    try (GgufFile file = GgufFile.open(model)) {
      return Tokenizer.from(file.metadata());
    }
  }
}
