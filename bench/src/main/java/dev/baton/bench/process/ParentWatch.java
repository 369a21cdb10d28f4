package dev.baton.bench.process;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/** Ends this process when stdin does: it belongs to the process at the other end. */
public final class ParentWatch {
  private ParentWatch() {}

  /** For a process that is sent nothing. */
  public static void hold() {
    hold(line -> {});
  }

  /**
   * For a process that is told what to do.
   *
   * @param lines takes what comes, on a thread of its own
   */
  public static void hold(Consumer<String> lines) {
    Thread.ofPlatform()
        .daemon()
        .name("baton-bench-life-line")
        .start(() -> {
          try (BufferedReader in =
              new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
              lines.accept(line);
            }
          } catch (IOException _) {
            // Gone as well.
          }
          System.exit(1);
        });
  }
}
