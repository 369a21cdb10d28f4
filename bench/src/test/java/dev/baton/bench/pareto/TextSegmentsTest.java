package dev.baton.bench.pareto;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

final class TextSegmentsTest {
  @Test
  void shouldCutBehindLinesElseBeforeBlanksElseBetweenCharacters() {
    assertEquals(List.of("ab\ncd\n", "ef gh"), TextSegments.of("ab\ncd\nef gh", 7));
    assertEquals(List.of("ab cd", " ef gh"), TextSegments.of("ab cd ef gh", 7));
    assertEquals(List.of("abcdefg", "hi"), TextSegments.of("abcdefghi", 7));
    assertEquals(List.of("ééé", "é"), TextSegments.of("éééé", 7));
    assertEquals(List.of("ab cd e"), TextSegments.of("ab cd e", 7));
    assertEquals(List.of(), TextSegments.of("", 7));
  }

  @Test
  void shouldLoseAndAddNothing() {
    String text = "Lorem ipsum dolor sit amet,\nconsectetur 😀 adipiscing\n\nelit  sed ".repeat(40);
    for (int most = 4; most < 90; most++) {
      List<String> segments = TextSegments.of(text, most);
      assertEquals(text, String.join("", segments));
      for (String segment : segments) {
        int bytes = segment.getBytes(StandardCharsets.UTF_8).length;
        assertTrue(bytes >= 1 && bytes <= most, segment);
      }
    }
  }
}
