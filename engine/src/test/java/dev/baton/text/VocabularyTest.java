package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufValueType;
import dev.baton.gguf.GgufWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VocabularyTest {
  private static final Map<String, Object> BYTE_PAIRS =
      Map.of("model", "gpt2", "tokens", List.of("a", "b", "ab"), "merges", List.of("a b"));

  private static final Map<String, Object> SCORED_PAIRS =
      Map.of(
          "model",
          "llama",
          "tokens",
          List.of("<unk>", "<s>", "</s>", "a"),
          "scores",
          new float[] {0, 0, 0, -1.5f},
          "token_type",
          new long[] {2, 3, 3, 1});

  @TempDir private Path folder;

  @Test
  void shouldReadBytePairsWithTheirDefaults() throws IOException {
    Vocabulary vocabulary = read(BYTE_PAIRS);
    assertEquals(new Vocabulary.Framing(false, false, false), vocabulary.framing());
    assertEquals(new Vocabulary.SpecialIds(-1, -1, -1, Set.of()), vocabulary.special());
    assertEquals(3, vocabulary.size());
    assertEquals("ab", vocabulary.token(2).text());
    assertEquals(
        new Vocabulary.Scheme.RankedBytePairs(PreTokenizer.DEFAULT, List.of("a b")),
        vocabulary.scheme());
  }

  @Test
  void shouldReadScoredPairsWithTheirDefaults() throws IOException {
    Vocabulary vocabulary = read(SCORED_PAIRS);
    assertEquals(new Vocabulary.Framing(true, false, true), vocabulary.framing());
    assertEquals(new Vocabulary.SpecialIds(1, 2, 0, Set.of(2)), vocabulary.special());
    assertEquals(-1.5f, vocabulary.token(3).score());
    assertEquals(TokenType.CONTROL, vocabulary.token(1).type());
  }

  @Test
  void shouldTakeTheFilesWordOverTheDefaults() throws IOException {
    Map<String, Object> said =
        Map.of(
            "add_bos_token",
            false,
            "add_eos_token",
            true,
            "add_space_prefix",
            false,
            "bos_token_id",
            3L,
            "eot_token_id",
            0L,
            "unknown_token_id",
            0xFFFF_FFFFL);
    Vocabulary vocabulary = read(with(SCORED_PAIRS, said));
    assertEquals(new Vocabulary.Framing(false, true, false), vocabulary.framing());
    assertEquals(
        new Vocabulary.SpecialIds(3, 2, Vocabulary.NONE, Set.of(2, 0)), vocabulary.special());
  }

  @Test
  void shouldPutABosFirstUnderLlamaBpeUnlessTheFileSaysNo() throws IOException {
    Map<String, Object> llama = with(BYTE_PAIRS, Map.of("pre", "llama-bpe", "bos_token_id", 1L));
    assertTrue(read(llama).framing().addsBos());
    assertFalse(read(with(llama, Map.of("add_bos_token", false))).framing().addsBos());
  }

  @Test
  void shouldEndGenerationAtKnownNamesAndTakeThemForControlTokens() throws IOException {
    List<String> tokens = List.of("a", "<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|im_start|>");
    Vocabulary vocabulary = read(with(BYTE_PAIRS, Map.of("tokens", tokens)));
    assertEquals(Set.of(1, 2, 3), vocabulary.special().endOfGeneration());
    assertEquals(TokenType.CONTROL, vocabulary.token(1).type());
    assertEquals(TokenType.NORMAL, vocabulary.token(4).type());
  }

  @Test
  void shouldReadEmptyTokensAndUnknownTypes() throws IOException {
    Map<String, Object> odd =
        Map.of(
            "tokens",
            List.of("", "", "a", "b"),
            "token_type",
            new long[] {5, 5, 99, -7},
            "merges",
            List.of());
    Vocabulary vocabulary = read(with(BYTE_PAIRS, odd));
    assertEquals(TokenType.UNUSED, vocabulary.token(0).type());
    assertEquals(TokenType.UNDEFINED, vocabulary.token(2).type());
    assertEquals(TokenType.UNDEFINED, vocabulary.token(3).type());
    assertEquals(0, Tokenizer.of(vocabulary).encode("ab", true, true).length);
  }

  @Test
  void shouldRefuseWhatContradictsItselfInOneLineThatNamesTheKey() {
    assertRefused(BYTE_PAIRS, "model", "bert", "tokenizer 'bert' is not supported");
    assertRefused(BYTE_PAIRS, "pre", "tekken", "'tekken' is not supported");
    assertRefused(BYTE_PAIRS, "tokens", List.of("a", "b\n", "b\n"), "ids 1 and 2 are both 'b?'");
    assertRefused(BYTE_PAIRS, "tokens", List.of(), "the vocabulary is empty");
    assertRefused(BYTE_PAIRS, "token_type", new long[] {1}, "1 types for 3 tokens");
    assertRefused(SCORED_PAIRS, "scores", new float[] {1, 2}, "2 scores for 4 tokens");
    assertRefused(
        SCORED_PAIRS,
        "scores",
        new float[] {1, 2, Float.NaN, 3},
        "the score of token 2 is not a number");
    assertRefused(BYTE_PAIRS, "add_bos_token", true, "bos_token_id is missing");
    assertRefused(BYTE_PAIRS, "add_eos_token", true, "eos_token_id is missing");
    assertRefused(BYTE_PAIRS, "merges", "a b", "wanted an array of strings");
  }

  @Test
  void shouldRefuseIdsOutsideTheVocabulary() {
    for (String key :
        List.of(
            "bos_token_id",
            "eos_token_id",
            "unknown_token_id",
            "eot_token_id",
            "fim_pad_token_id")) {
      assertRefused(BYTE_PAIRS, key, 3L, "3 is outside the vocabulary of 3 tokens");
      assertRefused(
          BYTE_PAIRS, key, 0xFFFF_FFFEL, "4294967294 is outside the vocabulary of 3 tokens");
    }
  }

  @Test
  void shouldRefuseAFileWithoutItsArrays() {
    for (String key : BYTE_PAIRS.keySet()) {
      assertRefused(without(BYTE_PAIRS, key), key, "is missing");
    }
    for (String key : List.of("model", "tokens", "scores")) {
      assertRefused(without(SCORED_PAIRS, key), key, "is missing");
    }
  }

  private void assertRefused(Map<String, Object> valid, String key, Object value, String message) {
    assertRefused(with(valid, Map.of(key, value)), key, message);
  }

  private void assertRefused(Map<String, Object> fields, String key, String message) {
    GgufException refused = assertThrows(GgufException.class, () -> read(fields));
    String said = String.valueOf(refused.getMessage());
    assertTrue(
        said.contains("metadata 'tokenizer.ggml." + key + "'") && said.contains(message), said);
    assertEquals(1, said.lines().count(), said);
  }

  private static Map<String, Object> with(Map<String, Object> fields, Map<String, Object> more) {
    Map<String, Object> both = new HashMap<>(fields);
    both.putAll(more);
    return both;
  }

  private static Map<String, Object> without(Map<String, Object> fields, String key) {
    Map<String, Object> rest = new HashMap<>(fields);
    rest.remove(key);
    return rest;
  }

  private Vocabulary read(Map<String, Object> fields) throws IOException {
    GgufWriter writer = new GgufWriter();
    fields.forEach((key, value) -> put(writer, "tokenizer.ggml." + key, value));
    Path model = folder.resolve("vocabulary.gguf");
    writer.write(model);
    try (GgufFile file = GgufFile.open(model)) {
      return Vocabulary.from(file.metadata());
    }
  }

  private static void put(GgufWriter writer, String key, Object value) {
    switch (value) {
      case String text -> writer.string(key, text);
      case Boolean flag -> writer.bool(key, flag);
      case Long number -> writer.integer(key, number);
      case float[] numbers -> writer.reals(key, numbers);
      case long[] numbers -> writer.integers(key, GgufValueType.INT32, numbers);
      case List<?> texts -> writer.strings(key, texts.stream().map(String.class::cast).toList());
      default -> throw new IllegalArgumentException(key);
    }
  }
}
