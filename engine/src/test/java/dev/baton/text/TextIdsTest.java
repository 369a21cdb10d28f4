package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TextIdsTest {
  private static final int TEXTS = 2000;

  private final SplittableRandom random = new SplittableRandom(5);

  @Test
  void shouldFindWhatAMapOfThePartsFinds() {
    String[] texts = new String[TEXTS];
    Map<String, Integer> expected = new HashMap<>();
    TextIds ids = idsOf(texts, expected);
    TextIds.Hashes parts = new TextIds.Hashes();
    for (int i = 0; i < TEXTS; i++) {
      String text = text(12);
      parts.of(text);
      for (int from = 0; from <= text.length(); from++) {
        for (int to = from; to <= text.length(); to++) {
          assertEquals(
              expected.getOrDefault(text.substring(from, to), TextIds.NONE),
              ids.find(parts, from, to),
              text);
        }
      }
      for (int gap = 0; gap < text.length(); gap++) {
        String without = new StringBuilder(text).deleteCharAt(gap).toString();
        assertEquals(
            expected.getOrDefault(without, TextIds.NONE), ids.findWithout(parts, gap), text);
      }
    }
  }

  @Test
  void shouldKeepTheFirstOfTwoAndNameIt() {
    TextIds ids = new TextIds(new String[] {"a", "b", "a"});
    assertEquals(TextIds.NONE, ids.add(0));
    assertEquals(TextIds.NONE, ids.add(1));
    assertEquals(0, ids.add(2));
  }

  private TextIds idsOf(String[] texts, Map<String, Integer> expected) {
    for (int id = 0; id < texts.length; id++) {
      texts[id] = text(6);
    }
    TextIds ids = new TextIds(texts);
    for (int id = 0; id < texts.length; id++) {
      Integer first = expected.putIfAbsent(texts[id], id);
      assertEquals(first == null ? TextIds.NONE : first, ids.add(id));
    }
    return ids;
  }

  /** Of few letters, so that many are found, and the empty one too. */
  private String text(int longest) {
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(longest + 1); i > 0; i--) {
      text.append("abcé漢".charAt(random.nextInt(5)));
    }
    return text.toString();
  }
}
