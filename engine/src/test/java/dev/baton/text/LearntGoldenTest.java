package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The ids that llama.cpp gives for a thousand random texts under each way of splitting, with the
 * vocabulary that was learnt from such texts; {@link LlamaCppTokenizerTest} shows the text where
 * they differ.
 */
class LearntGoldenTest {
  private static final String GOLDEN = "learnt-golden.txt";
  private static final int TEXTS = 1_000;

  @TempDir private Path folder;

  @ParameterizedTest
  @MethodSource("dev.baton.text.TestVocabularies#preTokenizers")
  void shouldEncodeRandomTextsAsLlamaCppDoes(String preTokenizer) throws IOException {
    Path file = folder.resolve("learnt.gguf");
    LearntVocabulary.write(file, preTokenizer);
    Tokenizer tokenizer = Tokenizer.of(file);
    assertEquals(golden().get(preTokenizer), digest(text -> tokenizer.encode(text, true, false)));
  }

  @ParameterizedTest
  @MethodSource("dev.baton.text.TestVocabularies#preTokenizers")
  void shouldBeWhatLlamaCppGives(String preTokenizer) throws IOException {
    Optional<Path> libraries = LlamaCpp.libraries();
    assumeTrue(libraries.isPresent(), LlamaCpp.MISSING);
    Path file = folder.resolve("learnt.gguf");
    LearntVocabulary.write(file, preTokenizer);
    try (LlamaCpp llama = new LlamaCpp(libraries.orElseThrow(), file)) {
      assertEquals(golden().get(preTokenizer), digest(text -> llama.encode(text, true, false)));
    }
  }

  private static String digest(Function<String, int[]> encoder) {
    SplittableRandom random = new SplittableRandom(22);
    StringBuilder ids = new StringBuilder();
    for (int i = 0; i < TEXTS; i++) {
      for (int id : encoder.apply(RandomText.of(random))) {
        ids.append(id).append(' ');
      }
      ids.append('\n');
    }
    try {
      byte[] bytes = ids.toString().getBytes(StandardCharsets.US_ASCII);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Map<String, String> golden() throws IOException {
    try (InputStream in =
        Objects.requireNonNull(LearntGoldenTest.class.getResourceAsStream(GOLDEN), GOLDEN)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .map(line -> line.split(" "))
          .collect(Collectors.toMap(line -> line[0], line -> line[1]));
    }
  }
}
