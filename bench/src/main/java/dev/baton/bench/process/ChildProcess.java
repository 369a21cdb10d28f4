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
   * What a command printed.
   *
   * @param out on stdout
   * @param err on stderr
   */
  public record Printed(String out, String err) {}

  /**
   * Runs a command to its end.
   *
   * @param complaint the line that matters in what a failed one said
   * @throws WrongResult when it cannot be started or fails
   */
  public static Printed run(List<String> command, Function<String, String> complaint)
      throws InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(command).start();
      process.getOutputStream().close();
    } catch (IOException e) {
      throw new WrongResult("a process could not be started: " + e.getMessage());
    }
    Thread end = new Thread(process::destroy, "baton-bench-child-end");
    Runtime.getRuntime().addShutdownHook(end);
    try {
      CompletableFuture<String> said = said(process);
      String printed = text(process.getInputStream());
      int status = process.waitFor();
      if (status != 0) {
        String line = complaint.apply(said.join());
        throw new WrongResult(
            line.isEmpty() ? "a measuring process ended with status " + status : line);
      }
      return new Printed(printed, said.join());
    } finally {
      process.destroy();
      try {
        Runtime.getRuntime().removeShutdownHook(end);
      } catch (IllegalStateException _) {
        // The process is ending, and the hook has ended the child.
      }
    }
  }

  /**
   * What a process says on stderr until its end, read by a thread of its own: the common pool may
   * have only one, and that may wait for another process.
   */
  static CompletableFuture<String> said(Process process) {
    return CompletableFuture.supplyAsync(
        () -> text(process.getErrorStream()),
        reading -> Thread.ofPlatform().daemon().name("baton-bench-child-said").start(reading));
  }

  private static String text(InputStream stream) {
    try (stream) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "";
    }
  }
}
