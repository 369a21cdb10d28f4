package dev.baton.cli;

import dev.baton.catalog.PullProgress;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** A pull's progress: a bar on a terminal, nothing but the notes elsewhere. */
final class PullBar implements PullProgress, AutoCloseable {
  private static final int COLUMNS = 78;
  private static final int UPDATE_MS = 200;
  private static final long BYTES_PER_MB = 1_000_000;

  private final Terminal terminal;
  private @Nullable ProgressBar bar;

  PullBar(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public void begin(String source, long totalBytes) {
    close();
    if (terminal.errIsTerminal()) {
      bar =
          new ProgressBarBuilder()
              .setTaskName(source)
              .setInitialMax(totalBytes)
              .setUnit(" MB", BYTES_PER_MB)
              .setStyle(ProgressBarStyle.ASCII)
              .setUpdateIntervalMillis(UPDATE_MS)
              .showSpeed()
              .setConsumer(new DelegatingProgressBarConsumer(this::show, COLUMNS))
              .build();
    }
  }

  private void show(String line) {
    terminal.err().print("\r" + line);
    terminal.err().flush();
  }

  @Override
  public void advance(long bytes) {
    ProgressBar shown = bar;
    if (shown != null) {
      shown.stepTo(bytes);
    }
  }

  @Override
  public void note(String line) {
    close();
    terminal.note(line);
  }

  @Override
  public void close() {
    ProgressBar shown = bar;
    if (shown != null) {
      bar = null;
      shown.close();
      terminal.err().println();
    }
  }
}
