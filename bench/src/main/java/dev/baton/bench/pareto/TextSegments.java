package dev.baton.bench.pareto;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A text cut into runs of bytes, the same for every model: behind the last line end that fits, else
 * before the last blank, else at a character's end.
 */
final class TextSegments {
  private TextSegments() {}

  /** Runs of up to {@code mostBytes} UTF-8 bytes, at least 4, that together are the text. */
  static List<String> of(String text, int mostBytes) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    List<String> segments = new ArrayList<>();
    for (int from = 0; from < bytes.length; ) {
      int to = end(bytes, from, mostBytes);
      segments.add(new String(bytes, from, to - from, StandardCharsets.UTF_8));
      from = to;
    }
    return segments;
  }

  private static int end(byte[] bytes, int from, int mostBytes) {
    int limit = Math.min(bytes.length, from + mostBytes);
    if (limit == bytes.length) {
      return limit;
    }
    for (int at = limit; at > from; at--) {
      if (bytes[at - 1] == '\n') {
        return at;
      }
    }
    for (int at = limit - 1; at > from; at--) {
      if (bytes[at] == ' ') {
        return at;
      }
    }
    int at = limit;
    while ((bytes[at] & 0xC0) == 0x80) {
      at--;
    }
    return at;
  }
}
