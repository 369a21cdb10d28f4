package dev.baton.text;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.gguf.GgufException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * How byte-level BPE splits text into the words inside which bytes merge ({@code
 * tokenizer.ggml.pre}). The splits are published as regular expressions; here they are scanners
 * that look at each character a bounded number of times, so that no text takes more than linear
 * time or any stack.
 *
 * <p>Source: the patterns in the models' {@code tokenizer.json} and in llama.cpp's {@code
 * llama-vocab.cpp}.
 */
public enum PreTokenizer {
  /** {@code 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+}. */
  GPT_2("gpt-2 phi-2 mpt olmo"),
  /**
   * {@code (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
   * ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+| \s+(?!\S)|\s+}; a word that is a token as a whole is taken
   * as it is.
   */
  LLAMA_BPE("llama-bpe llama3 llama-v3 falcon3 pixtral"),
  /** Each {@code \p{N}} alone, then {@link #GPT_2} between them. */
  SMOLLM("smollm starcoder refact command-r"),
  /** {@link #LLAMA_BPE} with each number alone, and without its rule for whole words. */
  QWEN2("qwen2 deepseek-r1-qwen megrez stablelm2"),
  /**
   * Runs of punctuation apart, then {@link #GPT_2}, then numbers apart and ASCII digits in threes.
   */
  DEFAULT("default");

  /**
   * As files name it, with spaces between; the first is its own, the others split in the same way.
   */
  private final String names;

  PreTokenizer(String names) {
    this.names = names;
  }

  /** Takes the words of a text, in order. */
  @FunctionalInterface
  interface WordSink {
    /** The word is {@code text.substring(from, to)}. */
    void word(int from, int to);
  }

  /**
   * @param name as in {@code tokenizer.ggml.pre}
   * @throws GgufException for a name that is not known, with those that are
   */
  public static PreTokenizer named(String name) {
    for (PreTokenizer each : values()) {
      if (each.names().contains(name)) {
        return each;
      }
    }
    String known =
        Arrays.stream(values())
            .flatMap(each -> each.names().stream())
            .collect(Collectors.joining(", "));
    throw new GgufException(
        "metadata 'tokenizer.ggml.pre': pre-tokenizer "
            + quoted(name)
            + " is not supported; Baton knows "
            + known);
  }

  private List<String> names() {
    return List.of(names.split(" "));
  }

  /** Whether a BOS goes first where the file does not say. */
  boolean addsBosByDefault() {
    return this == LLAMA_BPE;
  }

  /** Whether a word that is a token is taken whole, even if no merges lead to it. */
  boolean takesWholeWords() {
    return this == LLAMA_BPE;
  }

  /** Splits {@code text[from, to)}, which holds whole characters, into words without gaps. */
  void split(String text, int from, int to, WordSink sink) {
    switch (this) {
      case GPT_2 -> gpt2(text, from, to, sink);
      case LLAMA_BPE -> llama3(text, from, to, 3, sink);
      case QWEN2 -> llama3(text, from, to, 1, sink);
      case SMOLLM -> singleNumbers(text, from, to, sink);
      case DEFAULT -> punctuationFirst(text, from, to, sink);
    }
  }

  private static void gpt2(String text, int from, int to, WordSink sink) {
    int at = from;
    while (at < to) {
      int end = contractionEnd(text, at, to, false);
      if (end == at) {
        int start = text.charAt(at) == ' ' && at + 1 < to ? at + 1 : at;
        byte first = classAt(text, start);
        end =
            first == CharacterClass.SPACE
                ? spacesEnd(text, at, to)
                : runEnd(text, start, to, first);
      }
      sink.word(at, end);
      at = end;
    }
  }

  private static void llama3(String text, int from, int to, int numbersInOne, WordSink sink) {
    int at = from;
    while (at < to) {
      int end = llama3WordEnd(text, at, to, numbersInOne);
      sink.word(at, end);
      at = end;
    }
  }

  private static int llama3WordEnd(String text, int at, int to, int numbersInOne) {
    int end = contractionEnd(text, at, to, true);
    if (end > at) {
      return end;
    }
    int first = text.codePointAt(at);
    int second = at + Character.charCount(first);
    boolean newline = isNewline(first);
    byte firstClass = CharacterClass.of(first);
    if (firstClass == CharacterClass.NUMBER) {
      return numberEnd(text, at, to, numbersInOne);
    }
    boolean lettersFollow = second < to && classAt(text, second) == CharacterClass.LETTER;
    if (firstClass == CharacterClass.LETTER || (lettersFollow && !newline)) {
      return runEnd(text, second, to, CharacterClass.LETTER);
    }
    int start = first == ' ' && second < to ? second : at;
    if (classAt(text, start) == CharacterClass.OTHER) {
      end = runEnd(text, start, to, CharacterClass.OTHER);
      while (end < to && isNewline(text.charAt(end))) {
        end++;
      }
      return end;
    }
    return linesEnd(text, at, to);
  }

  /**
   * {@code \s*[\r\n]+|\s+(?!\S)|\s+}: white space up to its last newline, else as {@link
   * #spacesEnd}.
   */
  private static int linesEnd(String text, int at, int to) {
    int end = runEnd(text, at, to, CharacterClass.SPACE);
    for (int last = end - 1; last >= at; last--) {
      if (isNewline(text.charAt(last))) {
        return last + 1;
      }
    }
    return end == to || end - at == 1 ? end : end - 1;
  }

  /** {@code \s+(?!\S)|\s+}: all white space, less its last character where a word follows. */
  private static int spacesEnd(String text, int at, int to) {
    int end = runEnd(text, at, to, CharacterClass.SPACE);
    return end == to || end - at == 1 ? end : end - 1;
  }

  private static void singleNumbers(String text, int from, int to, WordSink sink) {
    int start = from;
    int at = from;
    while (at < to) {
      int next = at + Character.charCount(text.codePointAt(at));
      if (classAt(text, at) == CharacterClass.NUMBER) {
        gpt2(text, start, at, sink);
        sink.word(at, next);
        start = next;
      }
      at = next;
    }
    gpt2(text, start, to, sink);
  }

  private static void punctuationFirst(String text, int from, int to, WordSink sink) {
    WordSink numbersApart = (start, end) -> numbersApart(text, start, end, sink);
    int at = from;
    while (at < to) {
      boolean punctuation = isSplitPunctuation(text.codePointAt(at));
      int end = at;
      while (end < to && isSplitPunctuation(text.codePointAt(end)) == punctuation) {
        end += Character.charCount(text.codePointAt(end));
      }
      if (punctuation) {
        sink.word(at, end);
      } else {
        gpt2(text, at, end, numbersApart);
      }
      at = end;
    }
  }

  /** Splits a word at {@code \p{N}+}, and the numbers at every three ASCII digits. */
  private static void numbersApart(String text, int from, int to, WordSink sink) {
    int at = from;
    while (at < to) {
      boolean number = classAt(text, at) == CharacterClass.NUMBER;
      int start = at;
      while (at < to && (classAt(text, at) == CharacterClass.NUMBER) == number) {
        if (number && at + 3 <= to && isThreeDigits(text, at)) {
          emit(start, at, sink);
          start = at + 3;
          sink.word(at, start);
          at = start;
        } else {
          at += Character.charCount(text.codePointAt(at));
        }
      }
      emit(start, at, sink);
    }
  }

  private static void emit(int from, int to, WordSink sink) {
    if (from < to) {
      sink.word(from, to);
    }
  }

  /** The end of an English contraction's second half at {@code at}, or {@code at}. */
  private static int contractionEnd(String text, int at, int to, boolean anyCase) {
    if (text.charAt(at) != '\'' || at + 1 >= to) {
      return at;
    }
    char first = folded(text.charAt(at + 1), anyCase);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') {
      return at + 2;
    }
    char second = at + 2 < to ? folded(text.charAt(at + 2), anyCase) : 0;
    boolean known =
        (second == 'e' && (first == 'r' || first == 'v')) || (second == 'l' && first == 'l');
    return known ? at + 3 : at;
  }

  private static char folded(char c, boolean anyCase) {
    if (!anyCase) {
      return c;
    }
    // The long s is the one letter outside ASCII that folds onto a letter of the contractions.
    return c == 'ſ' ? 's' : c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
  }

  private static int numberEnd(String text, int at, int to, int numbersInOne) {
    int end = at;
    for (int i = 0;
        i < numbersInOne && end < to && classAt(text, end) == CharacterClass.NUMBER;
        i++) {
      end += Character.charCount(text.codePointAt(end));
    }
    return end;
  }

  private static int runEnd(String text, int at, int to, byte characterClass) {
    int end = at;
    while (end < to && classAt(text, end) == characterClass) {
      end += Character.charCount(text.codePointAt(end));
    }
    return end;
  }

  private static byte classAt(String text, int at) {
    return CharacterClass.of(text.codePointAt(at));
  }

  private static boolean isThreeDigits(String text, int at) {
    return isDigit(text.charAt(at)) && isDigit(text.charAt(at + 1)) && isDigit(text.charAt(at + 2));
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static boolean isNewline(int c) {
    return c == '\r' || c == '\n';
  }

  private static boolean isSplitPunctuation(int codePoint) {
    return "$+<=>^~|".indexOf(codePoint) >= 0 || CharacterClass.isPunctuation(codePoint);
  }
}
