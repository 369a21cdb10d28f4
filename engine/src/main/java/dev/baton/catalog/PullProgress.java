package dev.baton.catalog;

/**
 * Hears how a pull goes on. Called from the pulling thread and, between its calls, from no other.
 */
public interface PullProgress {

  /** Nobody listens. */
  PullProgress SILENT =
      new PullProgress() {
        @Override
        public void begin(String source, long totalBytes) {}

        @Override
        public void advance(long bytes) {}

        @Override
        public void note(String line) {}
      };

  /** A source is now being read; {@link #advance} counts up to {@code totalBytes} from here. */
  void begin(String source, long totalBytes);

  /**
   * So many bytes of the current source are there, those of an earlier, broken-off pull included.
   */
  void advance(long bytes);

  /** Something a user may want to know, e.g. why a source was given up; one line. */
  void note(String line);
}
