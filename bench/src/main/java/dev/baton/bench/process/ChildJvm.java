package dev.baton.bench.process;

import dev.baton.bench.report.WrongResult;
import dev.baton.node.JavaCommand;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One of Baton's own commands as a process of its own, which ends with this one. One thread talks
 * with it.
 */
public final class ChildJvm implements AutoCloseable {
  /** The harness. */
  public static final String BENCH = "dev.baton.bench.BenchCli";

  /** The product. */
  public static final String BATON = "dev.baton.cli.BatonCli";

  private final Process process;
  private final Thread end;
  private final BufferedReader printed;
  private final Writer input;
  private final CompletableFuture<String> said;

  private ChildJvm(Process process) {
    this.process = process;
    this.end = new Thread(process::destroy, "baton-bench-child-end");
    this.printed = process.inputReader(StandardCharsets.UTF_8);
    this.input = process.outputWriter(StandardCharsets.UTF_8);
    this.said = ChildProcess.said(process);
    Runtime.getRuntime().addShutdownHook(end);
  }

  /**
   * Starts {@code main} in a JVM like this one.
   *
   * @param prefix words to put before the command
   * @param environment what differs from this process's
   * @throws WrongResult when that cannot be
   */
  public static ChildJvm start(
      List<String> prefix, Map<String, String> environment, String main, List<String> arguments) {
    ProcessBuilder builder = new ProcessBuilder(command(prefix, main, arguments));
    builder.environment().putAll(environment);
    try {
      return new ChildJvm(builder.start());
    } catch (IOException e) {
      throw new WrongResult("a process could not be started: " + e.getMessage());
    }
  }

  private static List<String> command(List<String> prefix, String main, List<String> arguments) {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(JavaCommand.of(main));
    command.addAll(arguments);
    return command;
  }

  /**
   * Runs one of the harness's own commands to its end and returns what it printed.
   *
   * @throws WrongResult when it failed, with the line it said
   */
  public static String runBench(List<String> prefix, List<String> arguments)
      throws InterruptedException {
    try (ChildJvm child = start(prefix, Map.of(), BENCH, arguments)) {
      StringBuilder printed = new StringBuilder();
      for (String line = child.readLine(); line != null; line = child.readLine()) {
        printed.append(line).append('\n');
      }
      if (child.process.waitFor() != 0) {
        throw child.failure();
      }
      return printed.toString();
    }
  }

  /** The next line that it prints, waited for; null when it has ended. */
  public @Nullable String readLine() {
    try {
      return printed.readLine();
    } catch (IOException _) {
      return null;
    }
  }

  /** Sends it one line. That it is gone shows when its answer is read. */
  public void send(String line) {
    try {
      input.write(line + "\n");
      input.flush();
    } catch (IOException _) {
      // The next line read is null.
    }
  }

  /** Why it ended; waits for that. */
  public WrongResult failure() throws InterruptedException {
    int status = process.waitFor();
    return new WrongResult(
        said.join()
            .lines()
            .filter(line -> line.startsWith("baton: "))
            .map(line -> line.substring("baton: ".length()))
            .findFirst()
            .orElse("a measuring process ended with status " + status + ": " + said.join()));
  }

  /** Waits until it has ended by itself, but no longer than {@code patience}. */
  public void awaitEnd(Duration patience) throws InterruptedException {
    process.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Ends it, and waits for that. Twice is fine. */
  @Override
  public void close() {
    process.destroy();
    try {
      process.waitFor();
      Runtime.getRuntime().removeShutdownHook(end);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (IllegalStateException _) {
      // The process is ending, and the hook has ended the child.
    }
  }
}
