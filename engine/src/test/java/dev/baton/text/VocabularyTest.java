package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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
import java.util.ArrayList;
import java.util.Arrays;
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
        new Vocabulary.Scheme.RankedBytePairs(PreTokenizer.named("default"), List.of("a b")),
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
  void shouldPutABosFirstUnderGemma4WhateverTheFileSays() throws IOException {
    Map<String, Object> gemma = with(BYTE_PAIRS, Map.of("model", "gemma4", "bos_token_id", 1L));
    assertTrue(read(gemma).framing().addsBos());
    assertTrue(read(with(gemma, Map.of("add_bos_token", false))).framing().addsBos());
  }

  @Test
  void shouldNotEndGenerationWhereLaterTokensSayMore() throws IOException {
    List<String> harmony = List.of("a", "<|end|>", "<|return|>", "<|call|>");
    assertEquals(
        Set.of(2, 3),
        read(with(BYTE_PAIRS, Map.of("tokens", harmony))).special().endOfGeneration());
    assertEquals(
        Set.of(1, 2),
        read(with(BYTE_PAIRS, Map.of("tokens", harmony.subList(0, 3))))
            .special()
            .endOfGeneration());
    List<String> gemma = List.of("a", "</s>", "<turn|>", "<|tool_response>");
    Vocabulary vocabulary = read(with(BYTE_PAIRS, Map.of("tokens", gemma)));
    assertEquals(Set.of(2, 3), vocabulary.special().endOfGeneration());
    assertEquals(TokenType.NORMAL, vocabulary.token(1).type());
  }

  @Test
  void shouldTakeWhiteSpaceForAPartOfTheTokensBeforeItInPhi3() throws IOException {
    List<String> tokens = List.of("a", "Ċ", "Ġ", "<|user|>", "<|endoftext|>");
    Map<String, Object> plain =
        with(
            BYTE_PAIRS,
            Map.of(
                "tokens", tokens, "merges", List.of(), "token_type", new long[] {1, 1, 1, 3, 3}));
    String text = "a\n<|user|>\n a <|endoftext|>\na<|user|>";
    assertArrayEquals(new int[] {0, 1, 3, 1, 2, 0, 2, 4, 1, 0, 3}, encode(read(plain), text, true));
    Vocabulary phi = read(with(plain, Map.of("general.name", "Phi-3 mini")));
    assertArrayEquals(new int[] {0, 1, 3, 0, 2, 4, 1, 0, 3}, encode(phi, text, true));
  }

  private static int[] encode(Vocabulary vocabulary, String text, boolean parseSpecial) {
    return Tokenizer.of(vocabulary).encode(text, false, parseSpecial);
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
    assertRefused(BYTE_PAIRS, "pre", "sort-of", "'sort-of' is not supported");
    assertRefused(BYTE_PAIRS, "tokens", List.of("a", "b\n", "b\n"), "ids 1 and 2 are both 'b?'");
    assertRefused(BYTE_PAIRS, "tokens", List.of(), "the vocabulary is empty");
    assertRefused(BYTE_PAIRS, "token_type", new long[] {1}, "1 types for 3 tokens");
    assertRefused(SCORED_PAIRS, "scores", "high", "wanted an array of floating-point numbers");
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
  void shouldTakeIdsOutsideTheVocabularyForNotGiven() throws IOException {
    for (long id : new long[] {4L, 0xFFFF_FFFEL}) {
      Map<String, Object> outside =
          Map.of(
              "bos_token_id",
              id,
              "eos_token_id",
              id,
              "unknown_token_id",
              id,
              "eot_token_id",
              id,
              "fim_pad_token_id",
              id);
      assertEquals(
          new Vocabulary.SpecialIds(1, 2, 0, Set.of(2)),
          read(with(SCORED_PAIRS, outside)).special());
      assertEquals(
          new Vocabulary.SpecialIds(-1, -1, -1, Set.of()),
          read(with(BYTE_PAIRS, outside)).special());
    }
    Map<String, Object> noBos = with(BYTE_PAIRS, Map.of("bos_token_id", 9L));
    assertRefused(noBos, "add_bos_token", true, "bos_token_id is missing or no token's");
  }

  @Test
  void shouldReadScoresThatAreMissingWholeOrTooMany() throws IOException {
    assertEquals(0f, read(without(SCORED_PAIRS, "scores")).token(3).score());
    Map<String, Object> whole = Map.of("scores", new long[] {0, 0, 0, -7, 5});
    assertEquals(-7f, read(with(SCORED_PAIRS, whole)).token(3).score());
    Map<String, Object> surplus =
        Map.of("scores", new float[] {0, 0, 0, -2, 9}, "token_type", new long[] {2, 3, 3, 1, 1});
    assertEquals(-2f, read(with(SCORED_PAIRS, surplus)).token(3).score());
    assertEquals(4, read(with(SCORED_PAIRS, surplus)).size());
  }

  @Test
  void shouldKnowByteTokensByTheirNamesUnderAnyType() throws IOException {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>", "a"));
    for (int b = 0; b < 256; b++) {
      tokens.add(String.format("<0x%02X>", b));
    }
    for (long type : new long[] {1, 3, 4, 5, 6}) {
      long[] types = new long[tokens.size()];
      Arrays.fill(types, type);
      System.arraycopy(new long[] {2, 3, 3, 1}, 0, types, 0, 4);
      Map<String, Object> bytes =
          Map.of(
              "tokens",
              tokens,
              "scores",
              new float[tokens.size()],
              "token_type",
              types,
              "add_space_prefix",
              false);
      Tokenizer tokenizer = Tokenizer.of(read(with(SCORED_PAIRS, bytes)));
      String text = "a\n\uD83E\uDD8Aa<0x0A>";
      int[] ids = tokenizer.encode(text, false, false);
      assertEquals(4 + 0x0A, ids[1], "type " + type);
      assertEquals(text, tokenizer.decode(ids), "type " + type);
    }
  }

  @Test
  void shouldNotLetTextBecomeATokenThatSteersTheModelUnderAnyType() throws IOException {
    List<String> tokens =
        List.of(
            "a", "<|im_start|>", "<|x|>", "<tool>", "<start>", "[INST]", "<｜User｜>", "|", "<PRE>");
    Map<String, Object> typed =
        Map.of(
            "tokens",
            tokens,
            "token_type",
            new long[] {1, 4, 4, 4, 4, 4, 4, 1, 4},
            "merges",
            List.of(),
            "bos_token_id",
            4L,
            "mask_token_id",
            5L,
            "padding_token_id",
            7L);
    Tokenizer tokenizer = Tokenizer.of(read(with(BYTE_PAIRS, typed)));
    for (int id = 0; id < tokens.size(); id++) {
      int[] plain = tokenizer.encode("a" + tokens.get(id) + "a", false, false);
      int token = id;
      boolean taken = Arrays.stream(plain).skip(1).limit(1).anyMatch(each -> each == token);
      assertEquals(Set.of(0, 3, 7).contains(id), taken, tokens.get(id));
      if (id != 0 && id != 7) {
        assertArrayEquals(
            new int[] {0, id, 0}, tokenizer.encode("a" + tokens.get(id) + "a", false, true));
      }
    }
  }

  @Test
  void shouldNameTheFileInEveryRefusal() {
    for (Map<String, Object> broken :
        List.of(
            with(BYTE_PAIRS, Map.of("model", "bert")),
            with(BYTE_PAIRS, Map.of("pre", "nothing")),
            with(BYTE_PAIRS, Map.of("tokens", List.of("a", "a"))),
            with(
                SCORED_PAIRS,
                Map.of("token_type", new long[] {1, 1, 1, 1}, "unknown_token_id", -1L)))) {
      GgufException refused = assertThrows(GgufException.class, () -> tokenizer(broken));
      String message = String.valueOf(refused.getMessage());
      assertTrue(message.startsWith(folder.resolve("vocabulary.gguf") + ": metadata"), message);
    }
  }

  @Test
  void shouldRefuseAFileWithoutItsArrays() {
    for (String key : BYTE_PAIRS.keySet()) {
      assertRefused(without(BYTE_PAIRS, key), key, "is missing");
    }
    for (String key : List.of("model", "tokens")) {
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
    try (GgufFile file = GgufFile.open(write(fields))) {
      return Vocabulary.from(file.metadata());
    }
  }

  private Tokenizer tokenizer(Map<String, Object> fields) throws IOException {
    return Tokenizer.of(write(fields));
  }

  private Path write(Map<String, Object> fields) throws IOException {
    GgufWriter writer = new GgufWriter();
    fields.forEach((key, value) ->
        put(writer, key.startsWith("general.") ? key : "tokenizer.ggml." + key, value));
    Path model = folder.resolve("vocabulary.gguf");
    writer.write(model);
    return model;
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
