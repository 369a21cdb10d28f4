package dev.baton.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TurnsTest {
  /** Work of so many chunks, and when it got them. */
  private static final class Chunks implements Turns.Work {
    private final int total;
    private final int arrivedAt;
    private final List<Integer> doneAt = new ArrayList<>();

    Chunks(int total, int arrivedAt) {
      this.total = total;
      this.arrivedAt = arrivedAt;
    }

    @Override
    public long remaining() {
      return total - doneAt.size();
    }
  }

  @Test
  void shouldLetAShortOrderPassALongOneAndStillGetTheLongOneOn() {
    Turns<Chunks> turns = new Turns<>();
    Chunks longOne = new Chunks(30, 0);
    turns.add(longOne);
    int now = run(turns, 0, 5);
    Chunks shortOne = new Chunks(6, now);
    turns.add(shortOne);
    run(turns, now, 100);
    int last = shortOne.doneAt.getLast();
    assertTrue(last - shortOne.arrivedAt <= 8, "the short one ended at " + shortOne.doneAt);
    assertTrue(longOne.doneAt.stream().anyMatch(at -> at > shortOne.arrivedAt && at < last));
    assertEquals(30, longOne.doneAt.size());
    assertNull(turns.peek());
  }

  @Test
  void shouldStarveNobodyInAnySetOfOrders() {
    for (int seed = 0; seed < 200; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      Turns<Chunks> turns = new Turns<>();
      List<Chunks> all = new ArrayList<>();
      int now = 0;
      for (int i = 0; i < 40; i++) {
        Chunks work = new Chunks(1 + random.nextInt(random.nextInt(4) == 0 ? 60 : 5), now);
        all.add(work);
        turns.add(work);
        now = run(turns, now, random.nextInt(12));
      }
      run(turns, now, 100_000);
      int mostAtOnce = all.size();
      for (Chunks work : all) {
        assertEquals(work.total, work.doneAt.size(), "seed " + seed);
        int before = work.arrivedAt;
        for (int at : work.doneAt) {
          int waited = at - before;
          assertTrue(
              waited <= mostAtOnce * Turns.PATIENT_EVERY,
              "seed " + seed + ": " + waited + " chunks of others in between");
          before = at;
        }
      }
    }
  }

  @Test
  void shouldTakeOrdersOfOneSizeInTheOrderOfTheirArrival() {
    Turns<Chunks> turns = new Turns<>();
    Chunks first = new Chunks(2, 0);
    Chunks second = new Chunks(2, 0);
    turns.add(first);
    turns.add(second);
    run(turns, 0, 10);
    assertEquals(List.of(0, 1), first.doneAt);
    assertEquals(List.of(2, 3), second.doneAt);
  }

  private static int run(Turns<Chunks> turns, int from, int chunks) {
    int now = from;
    for (int i = 0; i < chunks; i++) {
      Chunks work = turns.peek();
      if (work == null) {
        break;
      }
      turns.served(work);
      work.doneAt.add(now++);
      if (work.remaining() == 0) {
        turns.remove(work);
      }
    }
    return now;
  }
}
