package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The words of a command line as they were written. A JVM whose locale is ASCII, or not installed,
 * makes a replacement character of each byte of another letter; the bytes themselves are where the
 * system keeps them.
 */
final class CommandWords {
  private static final char REPLACEMENT = '\ufffd';
  private static final Path WORDS = Path.of("/proc/self/cmdline");

  private CommandWords() {}

  /**
   * The last words of this process's command line as UTF-8.
   *
   * @param decoded what the JVM made of them
   * @throws IllegalArgumentException naming one that is no UTF-8
   */
  static String[] of(String[] decoded) {
    if (Arrays.stream(decoded).noneMatch(word -> word.indexOf(REPLACEMENT) >= 0)) {
      return decoded;
    }
    byte[] line;
    try {
      line = Files.readAllBytes(WORDS);
    } catch (IOException _) {
      line = new byte[0]; // a system that does not keep them
    }
    String charset = System.getProperty("sun.jnu.encoding", "");
    return read(decoded, line, Charset.isSupported(charset) ? Charset.forName(charset) : UTF_8);
  }

  /**
   * @param line words, each with a 0 at its end
   * @param charset what the JVM read them in
   */
  static String[] read(String[] decoded, byte[] line, Charset charset) {
    List<byte[]> words = words(line);
    List<byte[]> last = words.subList(Math.max(0, words.size() - decoded.length), words.size());
    String[] read = new String[decoded.length];
    for (int i = 0; i < decoded.length; i++) {
      byte[] word = last.size() == decoded.length ? last.get(i) : new byte[0];
      // Words that are not this command's: of a file of arguments.
      boolean known = new String(word, charset).equals(decoded[i]);
      read[i] = known ? utf8(word, decoded[i]) : decoded[i];
    }
    return read;
  }

  private static List<byte[]> words(byte[] line) {
    List<byte[]> words = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < line.length; i++) {
      if (line[i] == 0) {
        words.add(Arrays.copyOfRange(line, start, i));
        start = i + 1;
      }
    }
    return words;
  }

  private static String utf8(byte[] word, String decoded) {
    if (decoded.indexOf(REPLACEMENT) < 0) {
      return decoded;
    }
    try {
      return UTF_8.newDecoder().decode(ByteBuffer.wrap(word)).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          "the argument '" + Failure.oneLine(decoded) + "' is no UTF-8 text", e);
    }
  }
}
