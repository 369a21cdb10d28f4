package dev.baton.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import org.junit.jupiter.api.Test;

class LogSettingsTest {
  private static LogSettings.Level level(String word) {
    return LogSettings.level(Map.of(LogSettings.VARIABLE, word));
  }

  @Test
  void shouldTakeALevelByItsName() {
    assertEquals(LogSettings.Level.WARNING, LogSettings.level(Map.of()));
    assertEquals(LogSettings.Level.WARNING, level(""));
    assertEquals(LogSettings.Level.OFF, level("off"));
    assertEquals(LogSettings.Level.DEBUG, level(" Debug "));
    assertEquals(
        "BATON_LOG=loud is none of off, error, warning, info, debug",
        assertThrows(IllegalArgumentException.class, () -> level("loud")).getMessage());
  }

  @Test
  void shouldWriteALineWithTimeAndLevel() {
    LogRecord written = new LogRecord(Level.FINE, "what ended\na session");
    written.setThrown(new IllegalStateException("a fault"));
    String line = new LogLine().format(written);
    assertTrue(
        line.matches(
            "baton: \\d\\d:\\d\\d:\\d\\d\\.\\d{3} debug: what ended; a session:"
                + " java\\.lang\\.IllegalStateException: a fault\n"),
        line);
  }
}
