package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.gguf.GgufException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Expectations are worked out by hand from the published patterns; '|' shows a cut. */
class PreTokenizerTest {
  // Java's \s knows ASCII only and its Unicode mode changes \p{...} too, so White_Space is spelled
  // as the property.
  private static final String SPACE = "\\p{IsWhite_Space}";
  private static final String NO_SPACE_LETTER_NUMBER = "[^" + SPACE + "\\p{L}\\p{N}]+";
  private static final String END = SPACE + "+(?!\\P{IsWhite_Space})|" + SPACE + "+";
  private static final Pattern GPT_2 =
      Pattern.compile(
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?" + NO_SPACE_LETTER_NUMBER + "|" + END);

  private static final Map<String, Pattern> JAVAS = new HashMap<>();

  /** What patterns go over and back again. */
  private static final List<String> LONG =
      List.of(
          "a",
          "A",
          "aB",
          "AÉ",
          " ",
          "  x",
          "\n ",
          "1",
          "'s",
          "!\n",
          "😀",
          "中",
          "\u0301",
          "\u0001",
          "A1",
          "<sentinel:");

  @Test
  void shouldSplitAsGpt2() {
    assertSplit("gpt-2", "Hello| world|!| It|'s| 2024|.");
    assertSplit("gpt-2", "a|  | b| c| ");
    assertSplit("gpt-2", "I|'ll| don|'t| WE|'|LL");
    assertSplit("gpt-2", "x|1234567|y| ½");
    assertSplit("gpt-2", "a|\n|\n|b|\r\n");
    assertSplit("gpt-2", "\t|x| |\t|y|\t\n ");
    assertSplit("gpt-2", "你好|，|世界| مرحبا");
    assertSplit("gpt-2", "e|\u0301|e| \u0301|\u00A0|x| |\u3000|y");
    assertSplit("gpt-2", "👩‍👩|a| 👩''|s");
  }

  @Test
  void shouldSplitAsLlama3() {
    assertSplit("llama-bpe", "Hello| world|!| It|'S| |202|4|.");
    assertSplit("llama-bpe", "a|  | b| c| ");
    assertSplit("llama-bpe", "I|'Ll| don|'T| we|'RE| o|'clock");
    assertSplit("llama-bpe", "x|123|456|7|y| |½|a");
    assertSplit("llama-bpe", "a|\n\n|b|\r\n|  | c");
    assertSplit("llama-bpe", "\tx| |\ty|\t\n| ");
    assertSplit("llama-bpe", "a|  \n \n|  | b");
    assertSplit("llama-bpe", "f|();\n\n|}\n| x|!?\r\n|y");
    assertSplit("llama-bpe", "(hello|)| (_|world|)$|var");
    assertSplit("llama-bpe", "你好|，世界| مرحبا|٣٤٥|٦");
    assertSplit("llama-bpe", "e|\u0301e| \u0301|\u00A0x");
    assertSplit("llama-bpe", "'ſt");
  }

  @Test
  void shouldSplitAsQwen2() {
    assertSplit("qwen2", "x|1|2|3|4|y| |½|a");
    assertSplit("qwen2", "I|'Ll| don|'T|  \n|a");
    assertSplit("qwen2", "a|  \n \n|  | b");
  }

  @Test
  void shouldSplitAsSmolLm() {
    assertSplit("smollm", "x|1|2|3|y| |½|a");
    assertSplit("smollm", "Hello| world|!| It|'s| |2|0|.");
    assertSplit("smollm", "a|  |1| | b");
    assertSplit("smollm", "I|'|1|s");
  }

  @Test
  void shouldSplitAsLlamaCppsDefault() {
    assertSplit("default", "Hello|,| world|!!!| It|'|s");
    assertSplit("default", "x|123|456|7| |12½|345");
    assertSplit("default", "a| |$|b| |+=| ©|~«");
  }

  @Test
  void shouldKeepMarksWithTheirLettersAsQwen35() {
    assertSplit("qwen35", "e\u0301e| \u0301|\u00A0x|1|2| हिन्दी");
    assertSplit("qwen2", "e|\u0301e| \u0301|\u00A0x|1|2| ह|िन|्द|ी");
  }

  @Test
  void shouldSplitAtCaseAsTekkenAndGpt4o() {
    assertSplit("tekken", "camel|Case| HTTPServer|/x|1|2| don|'t| it|'S| a|/\n|b");
    assertSplit("gpt-4o", "camel|Case| HTTPServer|/x|12| don't| it'S| a|/\n|b");
    assertSplit("gpt-4o", "ABÉCDab| É|COLE|123|4|!/\n|  \n| x");
  }

  @Test
  void shouldSplitAsDeepSeek() {
    assertSplit("deepseek-v3", "Hello| world|123|4|人工|,x| e\u0301|.ab|.");
    assertSplit("deepseek-v3", "a|人工カー|!?\n| | |\u0001|1");
    assertSplit("deepseek-coder", "a| b|\n|\n| (|1|2|人工|  ");
    assertSplit("deepseek-llm", "a| b|\r|\n| (|12|人工|   ");
  }

  @Test
  void shouldLeaveWholeThreesOfNumbersAsTinyAya() {
    assertSplit("tiny_aya", "1|234|567|x|12|345| a|b12".replace("a|b12", "ab|12"));
    assertSplit("tiny_aya", "123|456| |½7");
  }

  @Test
  void shouldKeepHanApartAsKimiK2() {
    assertSplit("kimi-k2", "中文|abc's|中|!|中|123|4| don't");
    assertSplit("qwen2", "中文abc|'s|中|!中");
  }

  @Test
  void shouldSplitOnlyAtNewlinesAsGemma4() {
    assertSplit("gemma4", "a b  c|\n\n\n| d\r|\n");
  }

  @ParameterizedTest
  @MethodSource("dev.baton.text.TestVocabularies#preTokenizers")
  void shouldSplitAsJavasRegularExpressions(String preTokenizer) {
    PreTokenizerTable.Entry entry =
        PreTokenizerTable.entries().stream()
            .filter(each -> each.names().contains(preTokenizer))
            .findFirst()
            .orElseThrow();
    SplittableRandom random = new SplittableRandom(3);
    for (int round = 0; round < 2_000; round++) {
      List<String> words = new ArrayList<>(List.of(RandomText.of(random)));
      for (String pattern : entry.patterns()) {
        words = split(javas(pattern), words);
      }
      assertEquals(words, split(preTokenizer, String.join("", words)));
    }
  }

  private static Pattern javas(String pattern) {
    return JAVAS.computeIfAbsent(
        pattern,
        _ ->
            Pattern.compile(
                pattern
                    .replace("\\s", SPACE)
                    .replace("\\S", "\\P{IsWhite_Space}")
                    .replace("+$", "+\\z")
                    .replace("\\p{N}{-3}", "\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))")));
  }

  private static List<String> split(Pattern pattern, List<String> texts) {
    List<String> words = new ArrayList<>();
    for (String text : texts) {
      Matcher matcher = pattern.matcher(text);
      int at = 0;
      while (matcher.find()) {
        if (at < matcher.start()) {
          words.add(text.substring(at, matcher.start()));
        }
        words.add(matcher.group());
        at = matcher.end();
      }
      if (at < text.length()) {
        words.add(text.substring(at));
      }
    }
    return words;
  }

  @ParameterizedTest
  @MethodSource("dev.baton.text.TestVocabularies#preTokenizers")
  void shouldTakeLinearTimeWhateverTheText(String preTokenizer) {
    PreTokenizer splitter = PreTokenizer.named(preTokenizer);
    for (String unit : LONG) {
      String shorter = unit.repeat(100_000 / unit.length());
      String longer = unit.repeat(800_000 / unit.length());
      // Eight times as much, not 64 times; other things that the machine does may spoil a round.
      double least = Double.MAX_VALUE;
      for (int round = 0; round < 20 && least > 24; round++) {
        least = Math.min(least, cpuNanos(splitter, longer) / cpuNanos(splitter, shorter));
      }
      assertTrue(least <= 24, preTokenizer + " takes " + least + " times as long of " + unit);
    }
  }

  private static double cpuNanos(PreTokenizer splitter, String text) {
    long begun = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    int[] end = new int[1];
    splitter.split(text, 0, text.length(), (from, to) -> end[0] = to);
    assertEquals(text.length(), end[0]);
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - begun;
  }

  @Test
  void shouldSplitAsThePublishedPatternOnAnyText() {
    String words = " 'sStTreveLLmd019ab.!?\r\n\t\u00A0\u2028\u3000é中\u0301";
    SplittableRandom random = new SplittableRandom(1);
    for (int round = 0; round < 5_000; round++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(24); i >= 0; i--) {
        text.append(words.charAt(random.nextInt(words.length())));
      }
      assertSame(GPT_2, "gpt-2", text.toString());
      assertSame(llama3("{1,3}"), "llama-bpe", text.toString());
      assertSame(llama3(""), "qwen2", text.toString());
    }
  }

  @Test
  void shouldClassifyCharactersAsThePublishedPattern() {
    StringBuilder all = new StringBuilder();
    for (int codePoint = 0; codePoint <= Character.MAX_CODE_POINT; codePoint++) {
      if (Character.getType(codePoint) != Character.SURROGATE) {
        all.appendCodePoint(codePoint).append("a ");
      }
    }
    assertSame(GPT_2, "gpt-2", all.toString());
  }

  @Test
  void shouldNameAnUnknownPreTokenizerAndTheKnownOnes() {
    GgufException refused =
        assertThrows(GgufException.class, () -> PreTokenizer.named("sort-of\n"));
    String said = String.valueOf(refused.getMessage());
    assertTrue(said.contains("'sort-of?' is not supported"), said);
    for (String known : List.of("gpt-2", "llama-bpe", "smollm", "qwen2", "default")) {
      assertTrue(said.contains(known), said);
      PreTokenizer.named(known);
    }
  }

  private static Pattern llama3(String numbers) {
    return Pattern.compile(
        "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
            + numbers
            + "| ?"
            + NO_SPACE_LETTER_NUMBER
            + "[\\r\\n]*|"
            + SPACE
            + "*[\\r\\n]+|"
            + END);
  }

  private static void assertSame(Pattern pattern, String preTokenizer, String text) {
    List<String> expected = new ArrayList<>();
    Matcher matcher = pattern.matcher(text);
    while (matcher.find()) {
      expected.add(matcher.group());
    }
    assertEquals(expected, split(preTokenizer, text));
  }

  private static void assertSplit(String preTokenizer, String cut) {
    String text = cut.replace("|", "");
    assertEquals(cut, String.join("|", split(preTokenizer, text)));
  }

  private static List<String> split(String preTokenizer, String text) {
    List<String> words = new ArrayList<>();
    PreTokenizer.named(preTokenizer)
        .split(text, 0, text.length(), (from, to) -> words.add(text.substring(from, to)));
    return words;
  }
}
