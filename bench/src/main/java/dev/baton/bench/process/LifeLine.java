package dev.baton.bench.process;

import java.io.IOException;

/** Ends this process when stdin does: it belongs to the process at the other end. */
public final class LifeLine {
  private LifeLine() {}

  public static void hold() {
    Thread.ofPlatform()
        .daemon()
        .name("baton-bench-life-line")
        .start(() -> {
          try {
            while (System.in.read() >= 0) {
              // Nothing is ever sent.
            }
          } catch (IOException _) {
            // Gone as well.
          }
          System.exit(1);
        });
  }
}
