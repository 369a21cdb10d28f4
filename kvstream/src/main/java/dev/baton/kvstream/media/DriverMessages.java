package dev.baton.kvstream.media;

import org.jspecify.annotations.Nullable;

/** What the media driver or the system says, without what only its programmers can read. */
final class DriverMessages {
  private DriverMessages() {}

  /** One line; of several the first. */
  static String plain(@Nullable String said) {
    String line = String.valueOf(said).lines().findFirst().orElse("");
    String plain =
        line.replaceAll("^(ERROR|WARN|FATAL) - ", "")
            .replaceAll("\\b(?:[a-z][\\w$]*\\.)+[A-Z][\\w$]*(?:\\s*:)?\\s*", "")
            .replaceAll(",? *channel=aeron:\\S*", "")
            .replaceAll("aeron:\\S*", "the stream")
            .replaceAll(",? *errorCodeValue=\\d+", "")
            .strip();
    return plain.isEmpty() || plain.equals("null") ? "the media driver gives no reason" : plain;
  }
}
