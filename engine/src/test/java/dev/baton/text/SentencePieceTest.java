package dev.baton.text;

import static dev.baton.text.TestVocabularies.scored;
import static dev.baton.text.TestVocabularies.scoredPairs;
import static dev.baton.text.TestVocabularies.token;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.gguf.GgufException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SentencePieceTest {
  private static final Vocabulary.Framing BARE = new Vocabulary.Framing(false, false, false);
  private static final Vocabulary.Framing LLAMA = new Vocabulary.Framing(true, false, true);
  private static final int BYTES = 3;
  private static final int FIRST = 259;

  @Test
  void shouldMergeTheBestScoreFirstAndTheLeftmostOfEquals() {
    Tokenizer tokenizer =
        Tokenizer.of(
            scoredPairs(
                BARE,
                scored("a", -9),
                scored("b", -9),
                scored("c", -9),
                scored("ab", -2),
                scored("bc", -1),
                scored("aa", -3)));
    assertArrayEquals(new int[] {FIRST, FIRST + 4}, encode(tokenizer, "abc"));
    assertArrayEquals(new int[] {FIRST + 5, FIRST}, encode(tokenizer, "aaa"));
    assertArrayEquals(new int[] {FIRST + 3, FIRST + 3}, encode(tokenizer, "abab"));
  }

  @Test
  void shouldTakeZeroAndMinusZeroForOneScore() {
    Tokenizer tokenizer =
        Tokenizer.of(
            scoredPairs(
                BARE, scored("a", -9), scored("aa", -0f), scored("b", -9), scored("ab", 0f)));
    assertArrayEquals(new int[] {FIRST + 1, FIRST + 2}, encode(tokenizer, "aab"));
  }

  @Test
  void shouldPutASpaceBeforeTheTextAndAfterASpecialToken() {
    Tokenizer tokenizer =
        Tokenizer.of(scoredPairs(LLAMA, scored("▁", -1), scored("a", -2), scored("▁a", -3)));
    assertArrayEquals(new int[] {1, FIRST + 2}, tokenizer.encode("a", true, false));
    assertArrayEquals(new int[] {1, FIRST, FIRST + 2}, tokenizer.encode(" a", true, false));
    assertArrayEquals(new int[] {1}, tokenizer.encode("", true, false));
    assertArrayEquals(new int[] {FIRST + 2, 2, FIRST + 2}, tokenizer.encode("a</s>a", false, true));
    for (String text : List.of("a", " a", "  a ", "", " ", "a a")) {
      assertEquals(text, tokenizer.decode(tokenizer.encode(text, true, false)));
    }
    assertEquals("a</s>a", tokenizer.decode(new int[] {FIRST + 2, 2, FIRST + 2}, true));
  }

  @Test
  void shouldSpellUnknownCharactersInBytes() {
    Tokenizer tokenizer = Tokenizer.of(scoredPairs(BARE, scored("a", -1)));
    assertArrayEquals(
        new int[] {FIRST, BYTES + 0xC3, BYTES + 0xA9, BYTES + '\n'}, encode(tokenizer, "aé\n"));
    for (String text : List.of("é", "日本", "👩‍👩‍👧", "\0\u0085\u2028", "a b")) {
      assertEquals(text, tokenizer.decode(encode(tokenizer, text)));
    }
  }

  @Test
  void shouldMergeCharactersThatAreNoTokensThemselves() {
    Tokenizer tokenizer = Tokenizer.of(scoredPairs(BARE, scored("xy", -1), scored("éé", -2)));
    assertArrayEquals(new int[] {FIRST, FIRST + 1, BYTES + 'x'}, encode(tokenizer, "xyééx"));
  }

  @Test
  void shouldUseTheUnknownTokenWhereBytesAreMissing() {
    Vocabulary few =
        new Vocabulary(
            new Vocabulary.Scheme.ScoredPairs(),
            List.of(
                token("<unk>", TokenType.UNKNOWN),
                scored("a", -1),
                token("<0x62>", TokenType.BYTE)),
            new Vocabulary.SpecialIds(Vocabulary.NONE, Vocabulary.NONE, 0, Set.of()),
            BARE);
    assertArrayEquals(new int[] {1, 2, 0, 0}, encode(Tokenizer.of(few), "abé日"));
  }

  @Test
  void shouldNotLetTextBecomeAControlOrByteToken() {
    Tokenizer tokenizer =
        Tokenizer.of(
            scoredPairs(
                BARE,
                scored("<", -1),
                scored("s", -1),
                scored(">", -1),
                scored("<s", -1),
                scored("<0x0A", -1)));
    assertArrayEquals(new int[] {FIRST + 3, FIRST + 2}, encode(tokenizer, "<s>"));
    assertEquals("<0x0A>", tokenizer.decode(encode(tokenizer, "<0x0A>")));
  }

  @Test
  void shouldTakeNearlyLinearTimeOnOneLongWord() {
    Tokenizer tokenizer =
        Tokenizer.of(
            scoredPairs(
                LLAMA,
                scored("a", -9),
                scored("aa", -2),
                scored("aaaa", -1),
                scored("▁", -3),
                scored("▁▁", -4)));
    for (String unit : List.of("a", " ", "日", "ab", "<s>")) {
      String text = unit.repeat(300_000 / unit.length());
      assertTimeoutPreemptively(
          Duration.ofSeconds(20),
          () -> assertEquals(text, tokenizer.decode(tokenizer.encode(text, true, false))));
    }
  }

  @Test
  void shouldRefuseAVocabularyThatCannotSpellEveryText() {
    Vocabulary few =
        new Vocabulary(
            new Vocabulary.Scheme.ScoredPairs(),
            List.of(scored("a", -1)),
            new Vocabulary.SpecialIds(Vocabulary.NONE, Vocabulary.NONE, Vocabulary.NONE, Set.of()),
            BARE);
    assertRefused("neither a token for every byte nor an unknown token", few);
  }

  @Test
  void shouldRefuseAByteTokenThatNamesNoByte() {
    assertRefused("is not <0x00> to <0xFF>", scoredPairs(BARE, token("<0xGG>", TokenType.BYTE)));
  }

  @Test
  void shouldRefuseATokenOfAbsurdLength() {
    assertRefused("longer than 1024 characters", scoredPairs(BARE, scored("a".repeat(1025), -1)));
  }

  private static void assertRefused(String message, Vocabulary vocabulary) {
    GgufException refused = assertThrows(GgufException.class, () -> Tokenizer.of(vocabulary));
    assertTrue(String.valueOf(refused.getMessage()).contains(message), refused::getMessage);
  }

  private static int[] encode(Tokenizer tokenizer, String text) {
    return tokenizer.encode(text, false, false);
  }
}
