package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class StopTextsTest {
  @Test
  void shouldHoldBackWhatMayBeTheBeginningOfAStopText() {
    StopTexts stops = new StopTexts(List.of("END", "ENOUGH"));
    assertEquals("a ", stops.pass("a E"));
    assertEquals("", stops.pass("N"));
    assertEquals("ENT ", stops.pass("T "));
    assertEquals("x", stops.pass("xENO"));
    assertEquals("", stops.pass("UGH tail"));
    assertTrue(stops.isFound());
    assertEquals("", stops.pass("more"));
  }

  @Test
  void shouldGiveBackWhatItHeldAtTheEnd() {
    StopTexts stops = new StopTexts(List.of("END"));
    assertEquals("so ", stops.pass("so EN"));
    assertEquals("EN", stops.finish());
  }
}
