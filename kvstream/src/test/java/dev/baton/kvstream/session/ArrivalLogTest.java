package dev.baton.kvstream.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ArrivalLogTest {
  @Test
  void shouldBeExactWhileEveryArrivalHasItsEntry() {
    ArrivalLog log = new ArrivalLog();
    for (int i = 1; i <= ArrivalLog.CAPACITY; i++) {
      log.add(10L * i, 100L * i);
    }
    assertEquals(0, log.bytesUntil(9));
    for (int i = 1; i < ArrivalLog.CAPACITY; i++) {
      assertEquals(100L * i, log.bytesUntil(10L * i));
      assertEquals(100L * i, log.bytesUntil(10L * i + 9));
    }
    assertEquals(100L * ArrivalLog.CAPACITY, log.bytesUntil(Long.MAX_VALUE / 2));
  }

  @Test
  void shouldStayWithinItsBoundAndNeverCountAByteTooEarly() {
    ArrivalLog log = new ArrivalLog();
    int arrivals = 37 * ArrivalLog.CAPACITY + 11;
    for (int i = 1; i <= arrivals; i++) {
      log.add(i, i);
    }
    long bound = 2L * arrivals / ArrivalLog.CAPACITY + 2;
    for (int at = 0; at <= arrivals; at += 97) {
      long counted = log.bytesUntil(at);
      assertTrue(counted <= at && counted >= at - 2 * bound, counted + " at " + at);
    }
    assertEquals(arrivals, log.bytesUntil(arrivals));
  }

  @Test
  void shouldTakeTheClockPastItsOverflow() {
    ArrivalLog log = new ArrivalLog();
    log.add(Long.MAX_VALUE, 1);
    log.add(Long.MIN_VALUE + 9, 2);
    assertEquals(1, log.bytesUntil(Long.MIN_VALUE));
    assertEquals(2, log.bytesUntil(Long.MIN_VALUE + 9));
  }
}
