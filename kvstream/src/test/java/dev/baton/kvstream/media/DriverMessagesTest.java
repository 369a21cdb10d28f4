package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class DriverMessagesTest {
  /** The first is what Aeron said of port 0. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "ERROR - java.lang.IllegalArgumentException : endpoint has port=0 for publication:"
            + " channel=aeron:udp?endpoint=127.0.0.1:0, errorCodeValue=11"
            + "               | endpoint has port=0 for publication:",
        "Permission denied    | Permission denied",
        "ERROR - io.aeron.exceptions.DriverTimeoutException: no heartbeat | no heartbeat",
        "''                   | the media driver gives no reason",
      },
      quoteCharacter = '\'')
  void shouldLeaveOutWhatOnlyProgrammersRead(String said, String plain) {
    assertEquals(plain, DriverMessages.plain(said));
  }
}
