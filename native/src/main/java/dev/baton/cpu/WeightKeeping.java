package dev.baton.cpu;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** What is packed is written as long as that works; the packing goes on in any case. */
final class WeightKeeping implements WeightLayout.Packed, AutoCloseable {
  private final WeightWriter writer;
  private @Nullable IOException failure;

  WeightKeeping(WeightWriter writer) {
    this.writer = writer;
  }

  @Override
  public void upTo(long bytes) {
    attempt(() -> writer.upTo(bytes));
  }

  /** Gives the file its name, or says why there is none. */
  @Nullable IOException finish(WantedWeights wanted) {
    attempt(() -> WeightCache.publish(wanted, writer));
    return failure;
  }

  private void attempt(Writing writing) {
    try {
      if (failure == null) {
        writing.run();
      }
    } catch (IOException e) {
      failure = e;
    }
  }

  private interface Writing {
    void run() throws IOException;
  }

  @Override
  public void close() throws IOException {
    writer.close();
  }
}
