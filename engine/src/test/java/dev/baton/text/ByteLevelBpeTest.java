package dev.baton.text;

import static dev.baton.text.TestVocabularies.bytePairs;
import static dev.baton.text.TestVocabularies.token;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteLevelBpeTest {
  private static final long SEED = 20;
  private static final Vocabulary.Token END = token("<|im_end|>", TokenType.CONTROL);
  private static final Vocabulary.Token TOOL = token("<tool>", TokenType.USER_DEFINED);

  @Test
  void shouldMergeTheBestRankFirstAndTheLeftmostOfEquals() {
    Tokenizer tokenizer =
        Tokenizer.of(
            bytePairs(
                "gpt-2", List.of("b c", "a b", "a a"), token("bc"), token("ab"), token("aa")));
    assertArrayEquals(new int[] {'a', 256}, encode(tokenizer, "abc"));
    assertArrayEquals(new int[] {258, 'a'}, encode(tokenizer, "aaa"));
    assertArrayEquals(new int[] {257, 257}, encode(tokenizer, "abab"));
  }

  @Test
  void shouldNotMergeAcrossWords() {
    Tokenizer tokenizer =
        Tokenizer.of(bytePairs("gpt-2", List.of("a Ġ", "Ġ b"), token("aĠ"), token("Ġb")));
    assertArrayEquals(new int[] {'a', 257}, encode(tokenizer, "a b"));
  }

  @Test
  void shouldKeepTheFirstOfTwoMergesOfOnePair() {
    Tokenizer tokenizer =
        Tokenizer.of(bytePairs("gpt-2", List.of("a b", "b c", "a b"), token("ab"), token("bc")));
    assertArrayEquals(new int[] {256, 'c'}, encode(tokenizer, "abc"));
  }

  @Test
  void shouldFindControlTokensInTextOnlyWhenAsked() {
    Tokenizer tokenizer = Tokenizer.of(bytePairs("gpt-2", List.of(), END));
    assertArrayEquals(new int[] {'a', 256, 'b'}, tokenizer.encode("a<|im_end|>b", false, true));
    assertEquals(12, tokenizer.encode("a<|im_end|>b", false, false).length);
    assertEquals("ab", tokenizer.decode(new int[] {'a', 256, 'b'}));
    assertEquals("a<|im_end|>b", tokenizer.decode(new int[] {'a', 256, 'b'}, true));
    assertEquals(0, tokenizer.pieceBytes(256).length);
  }

  @Test
  void shouldAlwaysFindUserDefinedTokensAndTheLongestOfThem() {
    Vocabulary.Token longer = token("<tool>s", TokenType.USER_DEFINED);
    Tokenizer tokenizer = Tokenizer.of(bytePairs("gpt-2", List.of(), TOOL, longer));
    assertArrayEquals(new int[] {256, 'x', 257}, encode(tokenizer, "<tool>x<tool>s"));
    assertEquals("<tool>x<tool>s", tokenizer.decode(new int[] {256, 'x', 257}));
  }

  @Test
  void shouldNotLetMergesMakeAControlToken() {
    Vocabulary.Token control = token("ab", TokenType.CONTROL);
    Tokenizer tokenizer = Tokenizer.of(bytePairs("llama-bpe", List.of("a b"), control));
    assertArrayEquals(new int[] {'a', 'b'}, encode(tokenizer, "ab"));
    assertArrayEquals(new int[] {256}, tokenizer.encode("ab", false, true));
  }

  @ParameterizedTest
  @MethodSource("dev.baton.text.TestVocabularies#byteLevelPreTokenizers")
  void shouldTakeAWholeWordThatIsATokenWhereMergesAreIgnored(String preTokenizer) {
    boolean ignores = List.of("llama-bpe", "tekken", "minicpm5", "youtu").contains(preTokenizer);
    Tokenizer tokenizer = Tokenizer.of(bytePairs(preTokenizer, List.of(), token("hÃ©")));
    assertEquals(ignores ? 1 : 3, encode(tokenizer, "hé").length);
  }

  @Test
  void shouldLeaveOutAByteThatTheVocabularyLacks() {
    Vocabulary full = bytePairs("gpt-2", List.of());
    List<Vocabulary.Token> without = new ArrayList<>(full.tokens());
    without.set('b', token("b?", TokenType.UNUSED));
    Tokenizer tokenizer =
        Tokenizer.of(new Vocabulary(full.scheme(), without, full.special(), full.framing()));
    assertArrayEquals(new int[] {'a', 'c'}, encode(tokenizer, "abc"));
  }

  @Test
  void shouldFrameTheTextAsTheModelWants() {
    Vocabulary plain = bytePairs("gpt-2", List.of(), token("<s>", TokenType.CONTROL), END);
    Vocabulary framed =
        new Vocabulary(
            plain.scheme(),
            plain.tokens(),
            new Vocabulary.SpecialIds(256, 257, Vocabulary.NONE, Set.of(257)),
            new Vocabulary.Framing(true, true, false));
    Tokenizer tokenizer = Tokenizer.of(framed);
    assertArrayEquals(new int[] {256, 'a', 257}, tokenizer.encode("a", true, false));
    assertArrayEquals(new int[] {256, 257}, tokenizer.encode("", true, false));
    assertArrayEquals(new int[] {'a'}, tokenizer.encode("a", false, false));
    assertEquals("a", tokenizer.decode(tokenizer.encode("a", true, false)));
    assertTrue(tokenizer.isEndOfGeneration(257));
  }

  @ParameterizedTest
  @MethodSource("dev.baton.text.TestVocabularies#byteLevelPreTokenizers")
  void shouldGiveBackEveryValidText(String preTokenizer) {
    Tokenizer tokenizer = someMerges(preTokenizer);
    SplittableRandom random = new SplittableRandom(SEED);
    for (int round = 0; round < 1000; round++) {
      String text = RandomText.anything(random);
      int[] ids = encode(tokenizer, text);
      assertEquals(text, tokenizer.decode(ids), "seed " + SEED);
      assertArrayEquals(text.getBytes(StandardCharsets.UTF_8), bytes(tokenizer, ids));
      assertEquals(text, streamed(tokenizer, ids), "seed " + SEED);
    }
  }

  @Test
  void shouldStreamAnyIdsAsItDecodesThemThoughTheirBytesAreNoUtf8() {
    Tokenizer tokenizer = someMerges("gpt-2");
    SplittableRandom random = new SplittableRandom(SEED);
    for (int round = 0; round < 1000; round++) {
      int[] ids = random.ints(random.nextInt(30), 0, tokenizer.vocabulary().size()).toArray();
      String text = new String(bytes(tokenizer, ids), StandardCharsets.UTF_8);
      assertEquals(text, tokenizer.decode(ids), "seed " + SEED);
      assertEquals(text, streamed(tokenizer, ids), "seed " + SEED);
    }
  }

  private static String streamed(Tokenizer tokenizer, int[] ids) {
    Utf8Stream stream = new Utf8Stream();
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(stream.append(tokenizer.pieceBytes(id)));
    }
    return text.append(stream.flush()).toString();
  }

  @ParameterizedTest
  @MethodSource("dev.baton.text.TestVocabularies#byteLevelPreTokenizers")
  void shouldReadUnpairedSurrogatesAsReplacementCharacters(String preTokenizer) {
    Tokenizer tokenizer = someMerges(preTokenizer);
    String broken = "a\uD800b\uDC00\uD83D\uDE00\uD83D";
    assertEquals("a\uFFFDb\uFFFD\uD83D\uDE00\uFFFD", tokenizer.decode(encode(tokenizer, broken)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt-2", "llama-bpe", "smollm", "qwen2", "default"})
  void shouldTakeNearlyLinearTimeWhateverTheText(String preTokenizer) {
    Tokenizer tokenizer = someMerges(preTokenizer);
    // Quadratic work on this many characters would take minutes, and a recursive pattern would end
    // the stack.
    for (String unit :
        List.of(
            "a",
            "ab",
            " ",
            "\n ",
            " \n",
            "1",
            "'",
            "\u00E9",
            "\uD83D\uDE00",
            "<|im_",
            "a b",
            "!\n")) {
      String text = unit.repeat(300_000 / unit.length());
      assertTimeoutPreemptively(
          Duration.ofSeconds(20),
          () -> assertEquals(text, tokenizer.decode(encode(tokenizer, text))));
    }
  }

  @Test
  void shouldMergeThroughTextsThatAPrunedVocabularyLacks() {
    List<String> merges = List.of("a b", "ab c", "Ġ x", "ab", "d ", "y zz");
    Tokenizer tokenizer = Tokenizer.of(bytePairs("gpt-2", merges, token("abc")));
    assertArrayEquals(new int[] {256, 'b'}, encode(tokenizer, "abcb"));
    assertArrayEquals(new int[] {'a', 'b', 'd'}, encode(tokenizer, "abd"));
    assertArrayEquals(new int[] {' ', 'x', 'd'}, encode(tokenizer, " xd"));
    assertEquals(" xd ab yzz", tokenizer.decode(encode(tokenizer, " xd ab yzz")));
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 256, Integer.MAX_VALUE})
  void shouldRefuseAnIdOutsideTheVocabulary(int id) {
    Tokenizer tokenizer = Tokenizer.of(bytePairs("gpt-2", List.of()));
    assertThrows(IllegalArgumentException.class, () -> tokenizer.pieceBytes(id));
    assertThrows(IllegalArgumentException.class, () -> tokenizer.decode(new int[] {'a', id}));
  }

  @Test
  void shouldNotHandOutItsOwnBytes() {
    Tokenizer tokenizer = Tokenizer.of(bytePairs("gpt-2", List.of()));
    tokenizer.pieceBytes('a')[0] = 'z';
    assertEquals("a", tokenizer.decode(new int[] {'a'}));
  }

  private static int[] encode(Tokenizer tokenizer, String text) {
    return tokenizer.encode(text, false, false);
  }

  private static byte[] bytes(Tokenizer tokenizer, int[] ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      bytes.writeBytes(tokenizer.pieceBytes(id));
    }
    return bytes.toByteArray();
  }

  private static Tokenizer someMerges(String preTokenizer) {
    return Tokenizer.of(
        bytePairs(
            preTokenizer,
            List.of("a b", "ab ab", "a a", "aa aa", "Ġ Ġ", "ĠĠ ĠĠ", "Ã ©", "Ċ Ġ", "ðŁ ĺ", "ð Ł"),
            token("ab"),
            token("abab"),
            token("aa"),
            token("aaaa"),
            token("ĠĠ"),
            token("ĠĠĠĠ"),
            token("Ã©"),
            token("ĊĠ"),
            token("ðŁ"),
            token("ðŁĺ"),
            END));
  }
}
