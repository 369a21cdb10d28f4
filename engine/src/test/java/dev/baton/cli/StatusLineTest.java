package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class StatusLineTest {
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private long nowNs;

  @Test
  void shouldShowLongWorkOnATerminalAndTakeTheLineAway() {
    try (StatusLine status = line(true)) {
      status.show("loading", 0.1);
      nowNs = 400_000_000;
      status.show("loading", 0.5);
      status.show("loading", 0.6);
    }
    assertEquals("\r\033[Kloading 50 %\r\033[K", err.toString(UTF_8));
  }

  @Test
  void shouldShowNothingInAPipe() {
    try (StatusLine status = line(false)) {
      nowNs = 400_000_000;
      status.show("loading", 0.5);
    }
    assertEquals("", err.toString(UTF_8));
  }

  private StatusLine line(boolean terminal) {
    return new StatusLine(
        new Terminal(
            InputStream.nullInputStream(),
            OutputStream.nullOutputStream(),
            new PrintStream(err, true, UTF_8),
            terminal,
            terminal,
            Map.of()),
        () -> nowNs);
  }
}
