package dev.baton.kvstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ChunkScheduleTest {
  @Test
  void shouldHalveTheLastChunksDownToTheSmallest() {
    assertEquals(List.of(128, 128, 64, 32, 32), cut(new ChunkSchedule(128, 32), 384));
    assertEquals(List.of(128, 128, 64, 55), cut(new ChunkSchedule(128, 32), 375));
    assertEquals(List.of(63), cut(new ChunkSchedule(128, 32), 63));
    assertEquals(List.of(1), cut(new ChunkSchedule(128, 32), 1));
  }

  @Test
  void shouldCutIntoEqualChunksWhenTheSmallestIsTheLargest() {
    assertEquals(List.of(100, 100, 50), cut(ChunkSchedule.equal(100), 250));
    assertEquals(List.of(7, 7, 7), cut(ChunkSchedule.equal(7), 21));
    assertEquals(List.of(1, 1, 1), cut(ChunkSchedule.equal(1), 3));
  }

  @Test
  void shouldKeepWithinWhatANodeTakes() {
    assertEquals(new ChunkSchedule(64, 16), new ChunkSchedule(128, 16).within(64));
    assertEquals(new ChunkSchedule(8, 8), new ChunkSchedule(128, 16).within(8));
    assertEquals(new ChunkSchedule(128, 16), new ChunkSchedule(128, 16).within(128));
  }

  @Test
  void shouldCutAnyPromptWithinItsBounds() {
    SplittableRandom random = new SplittableRandom(11);
    for (int i = 0; i < 2_000; i++) {
      int largest = 1 + random.nextInt(600);
      ChunkSchedule schedule = new ChunkSchedule(largest, 1 + random.nextInt(largest));
      int prompt = 1 + random.nextInt(3_000);
      List<Integer> chunks = cut(schedule, prompt);
      String what = schedule + " of " + prompt + ": " + chunks;
      assertEquals(prompt, chunks.stream().mapToInt(n -> n).sum(), what);
      for (int k = 0; k < chunks.size(); k++) {
        int n = chunks.get(k);
        boolean isLast = k == chunks.size() - 1;
        assertTrue(n >= 1 && n <= largest, what);
        assertTrue(isLast || n >= schedule.smallestTokens(), what);
        assertTrue(k == 0 || n <= Math.max(chunks.get(k - 1), 2 * schedule.smallestTokens()), what);
        boolean inGrains = n % 16 == 0 || n == largest || n == schedule.smallestTokens();
        assertTrue(isLast || inGrains, what);
      }
    }
  }

  @Test
  void shouldRefuseSizesThatCutNothing() {
    assertThrows(IllegalArgumentException.class, () -> new ChunkSchedule(16, 32));
    assertThrows(IllegalArgumentException.class, () -> new ChunkSchedule(16, 0));
  }

  private static List<Integer> cut(ChunkSchedule schedule, int prompt) {
    List<Integer> chunks = new ArrayList<>();
    for (int left = prompt; left > 0; left -= chunks.getLast()) {
      chunks.add(schedule.next(left));
    }
    return chunks;
  }
}
