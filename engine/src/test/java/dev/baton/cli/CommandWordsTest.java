package dev.baton.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.Charset;
import org.junit.jupiter.api.Test;

final class CommandWordsTest {
  private static final byte[] LINE = "java\0-jar\0é.jar\0run\0Le café 日 😀\0".getBytes(UTF_8);

  private static String[] decoded(byte[] line, Charset charset, int last) {
    String[] words = new String(line, charset).split("\0");
    return java.util.Arrays.copyOfRange(words, words.length - last, words.length);
  }

  @Test
  void shouldReadTheLettersThatAnAsciiJvmLost() {
    assertArrayEquals(
        new String[] {"run", "Le café 日 😀"},
        CommandWords.read(decoded(LINE, US_ASCII, 2), LINE, US_ASCII));
  }

  @Test
  void shouldLeaveWordsThatAreNotThoseOfTheLine() {
    String[] words = {"run", "\ufffd", "x"};
    assertArrayEquals(words, CommandWords.read(words, LINE, US_ASCII));
    assertArrayEquals(words, CommandWords.read(words, new byte[0], US_ASCII));
  }

  @Test
  void shouldKeepAReplacementCharacterThatWasWritten() {
    byte[] line = "run\0\ufffd\0".getBytes(UTF_8);
    assertArrayEquals(
        new String[] {"\ufffd"}, CommandWords.read(decoded(line, UTF_8, 1), line, UTF_8));
  }

  @Test
  void shouldRefuseBytesThatAreNoUtf8() {
    byte[] line = "run\0caf\u00e9\0".getBytes(ISO_8859_1);
    String[] words = decoded(line, UTF_8, 1);
    Exception refused =
        assertThrows(IllegalArgumentException.class, () -> CommandWords.read(words, line, UTF_8));
    assertEquals("the argument 'caf\ufffd' is no UTF-8 text", refused.getMessage());
  }
}
