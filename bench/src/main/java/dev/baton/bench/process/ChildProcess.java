package dev.baton.bench.process;

import dev.baton.bench.report.WrongResult;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** A command that is run to its end, and that ends with this process. */
public final class ChildProcess {
  private ChildProcess() {}

  /**
   * Runs a command and returns what it printed.
   *
   * @param complaint the line that matters in what a failed one said
   * @throws WrongResult when it cannot be started or fails
   */
  public static String output(List<String> command, Function<String, String> complaint)
      throws InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(command).start();
    } catch (IOException e) {
      throw new WrongResult("a process could not be started: " + e.getMessage());
    }
    Thread end = new Thread(process::destroy, "baton-bench-child-end");
    Runtime.getRuntime().addShutdownHook(end);
    try {
      CompletableFuture<String> said =
          CompletableFuture.supplyAsync(
              () -> text(process.getErrorStream()), task -> Thread.ofVirtual().start(task));
      String printed = text(process.getInputStream());
      int status = process.waitFor();
      if (status != 0) {
        String line = complaint.apply(said.join());
        throw new WrongResult(
            line.isEmpty() ? "a measuring process ended with status " + status : line);
      }
      return printed;
    } finally {
      process.destroy();
      try {
        Runtime.getRuntime().removeShutdownHook(end);
      } catch (IllegalStateException _) {
        // The process is ending, and the hook has ended the child.
      }
    }
  }

  private static String text(InputStream stream) {
    try (stream) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "";
    }
  }
}
