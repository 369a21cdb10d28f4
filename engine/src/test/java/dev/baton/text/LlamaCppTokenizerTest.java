package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ids against those of llama.cpp's library, where it is. */
class LlamaCppTokenizerTest {
  private static final long SEED = 21;

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "command-r", "deepseek-coder", "deepseek-llm", "falcon", "gemma-4", "gpt-2", "llama-bpe",
        "llama-spm", "mpt", "phi-3", "qwen2", "qwen35", "refact", "starcoder"
      })
  void shouldEncodeItsVectors(String name) throws IOException {
    Path file = vocabulary(name);
    Tokenizer tokenizer = Tokenizer.of(file);
    String[] texts =
        Files.readString(file.resolveSibling(file.getFileName() + ".inp"))
            .split("\n__ggml_vocab_test__\n", -1);
    List<String> lines = Files.readAllLines(file.resolveSibling(file.getFileName() + ".out"));
    // The last text is what stands behind the last mark.
    assertEquals(texts.length - (texts[texts.length - 1].isEmpty() ? 1 : 0), lines.size());
    for (int i = 0; i < lines.size(); i++) {
      int[] ids =
          Arrays.stream(lines.get(i).strip().split(" "))
              .filter(id -> !id.isEmpty())
              .mapToInt(Integer::parseInt)
              .toArray();
      assertArrayEquals(ids, tokenizer.encode(texts[i], false, false), texts[i]);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "aquila",
        "baichuan",
        "command-r",
        "deepseek-coder",
        "deepseek-llm",
        "falcon",
        "gemma-4",
        "gpt-2",
        "gpt-neox",
        "llama-bpe",
        "llama-spm",
        "mpt",
        "phi-3",
        "qwen2",
        "qwen35",
        "refact",
        "starcoder"
      })
  void shouldEncodeAnyTextAsItDoesWithItsVocabularies(String name) throws IOException {
    assertSame(vocabulary(name), 1_000);
  }

  /** Without the names of control tokens being read: there Baton refuses more than llama.cpp. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "command-r", "deepseek-coder", "deepseek-llm", "gemma-4", "gpt-neox", "llama-bpe",
        "llama-spm", "mpt", "phi-3", "qwen35", "refact", "starcoder"
      })
  void shouldFindTheNamesOfTokensInTextAsItDoes(String name) throws IOException {
    Path file = vocabulary(name);
    Optional<Path> libraries = LlamaCpp.libraries();
    assumeTrue(libraries.isPresent(), LlamaCpp.MISSING);
    Tokenizer tokenizer = Tokenizer.of(file);
    List<String> names =
        tokenizer.vocabulary().tokens().stream()
            .filter(token -> token.type().isNamedOnly() || token.type() == TokenType.USER_DEFINED)
            .map(Vocabulary.Token::text)
            .toList();
    SplittableRandom random = new SplittableRandom(SEED);
    try (LlamaCpp llama = new LlamaCpp(libraries.orElseThrow(), file)) {
      for (int i = 0; i < 500; i++) {
        String first = names.get(random.nextInt(names.size()));
        String second = names.get(random.nextInt(names.size()));
        String text = RandomText.of(random) + first + RandomText.of(random) + second + first + " x";
        assertArrayEquals(
            llama.encode(text, true, true),
            tokenizer.encode(text, true, true),
            () -> "<" + text + ">, seed " + SEED);
      }
    }
  }

  static Stream<String> names() {
    return PreTokenizerTable.entries().stream().flatMap(each -> each.names().stream());
  }

  @ParameterizedTest
  @MethodSource("names")
  void shouldEncodeAnyTextAsItDoesUnderEachName(String name) throws IOException {
    Path file = folder.resolve("learnt.gguf");
    LearntVocabulary.write(file, name);
    assertSame(file, 400);
  }

  private static void assertSame(Path file, int texts) throws IOException {
    Optional<Path> libraries = LlamaCpp.libraries();
    assumeTrue(libraries.isPresent(), LlamaCpp.MISSING);
    Tokenizer tokenizer = Tokenizer.of(file);
    SplittableRandom random = new SplittableRandom(SEED);
    try (LlamaCpp llama = new LlamaCpp(libraries.orElseThrow(), file)) {
      for (int i = 0; i < texts; i++) {
        String text = RandomText.of(random);
        boolean special = i % 2 == 0;
        assertArrayEquals(
            llama.encode(text, special, special),
            tokenizer.encode(text, special, special),
            () -> "<" + text + ">, seed " + SEED);
      }
    }
  }

  private static Path vocabulary(String name) throws IOException {
    Optional<Path> folder = LlamaCpp.vocabularies();
    assumeTrue(folder.isPresent(), LlamaCpp.MISSING);
    return folder.orElseThrow().resolve("ggml-vocab-" + name + ".gguf");
  }
}
