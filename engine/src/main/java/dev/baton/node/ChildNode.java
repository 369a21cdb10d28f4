package dev.baton.node;

import dev.baton.kvstream.ClusterKey;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * A prefill node as a child process on this machine. It ends with its parent, whatever ends that:
 * it holds the read end of a pipe that breaks when the parent is gone.
 */
public final class ChildNode implements AutoCloseable {
  private static final String READY = "READY ";

  /** From the first request to end until the process is made to. */
  private static final long GRACE_NS = TimeUnit.MILLISECONDS.toNanos(1_300);

  private static final long LAST_WORDS_MS = 500;

  /** An exit code beyond it is a signal's number. */
  private static final int BY_SIGNAL = 128;

  private static final int SIGNALS = 64;
  private static final int SIGKILL = 9;

  private final Process process;
  private long askedToEndNs; // guarded by process; 0 before
  private final CompletableFuture<String> endpoint = new CompletableFuture<>();

  private ChildNode(Process process) {
    this.process = process;
  }

  /**
   * What the node is to be.
   *
   * @param device what computes there
   * @param threads compute threads; 0 for one per processor
   * @param contextTokens the context that it serves; 0 for what memory has room for
   * @param key what the two talk with; null for nothing
   */
  public record Setup(
      Path model,
      String device,
      int threads,
      int contextTokens,
      Duration lease,
      @Nullable ClusterKey key) {}

  /**
   * Starts the process and returns at once; it loads its model meanwhile.
   *
   * @param main the class whose {@code node} command runs a node
   * @throws ClusterException when no process can be started
   */
  public static ChildNode start(Setup setup, String main) {
    List<String> command =
        new ArrayList<>(JavaCommand.of(main, JavaCommand.nodeHeap(System.getenv())));
    command.addAll(
        List.of(
            "node",
            "--role",
            "prefill",
            "--listen",
            "127.0.0.1:0",
            "--model",
            setup.model().toAbsolutePath().toString(),
            "--device",
            setup.device(),
            "--threads",
            Integer.toString(setup.threads()),
            KvDemand.CONTEXT_OPTION,
            Integer.toString(setup.contextTokens()),
            "--lease-ms",
            Long.toString(setup.lease().toMillis()),
            "--child"));
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.PIPE);
      // Not on the command line, which every user of the machine can read.
      builder.environment().keySet().removeAll(ClusterKey.VARIABLES);
      ClusterKey key = setup.key();
      if (key != null) {
        builder.environment().put(ClusterKey.VARIABLE, key.text());
      }
      Process process = builder.start();
      ChildNode child = new ChildNode(process);
      Thread.ofPlatform().daemon().name("baton-child-out").start(child::readOutput);
      Thread.ofPlatform().daemon().name("baton-child-err").start(child::readErrors);
      return child;
    } catch (IOException e) {
      throw new ClusterException(
          "could not start a prefill node ("
              + e.getMessage()
              + "): use --split local to do without one",
          e);
    }
  }

  private final StringBuilder errors = new StringBuilder();

  private void readOutput() {
    try (BufferedReader out =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = out.readLine(); line != null; line = out.readLine()) {
        if (line.startsWith(READY)) {
          endpoint.complete(line.substring(READY.length()).trim());
        }
      }
    } catch (IOException e) {
      // The process is gone; what follows says so.
    }
    endpoint.completeExceptionally(
        new ClusterException("the prefill node ended before it was ready"));
  }

  private void readErrors() {
    try (BufferedReader err =
        new BufferedReader(
            new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8))) {
      for (String line = err.readLine(); line != null; line = err.readLine()) {
        synchronized (errors) {
          if (errors.length() < 4_000) {
            errors.append(line.startsWith("baton: ") ? line.substring(7) : line).append("; ");
          }
        }
      }
    } catch (IOException e) {
      // The process is gone.
    }
  }

  /**
   * HOST:PORT of the node, once it listens.
   *
   * @throws ClusterException when it ends or does not get ready in time; with what it said
   */
  public String awaitEndpoint(Duration timeout) {
    try {
      return endpoint.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw new ClusterException(ending(), e);
    } catch (TimeoutException e) {
      throw new ClusterException(
          "the prefill node was not ready within " + timeout.toSeconds() + " s: " + said(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ClusterException("interrupted while the prefill node started", e);
    }
  }

  /** Why the process has ended, one line; it tells a kill, which nothing that it said can. */
  String ending() {
    String said = said();
    int code = process.isAlive() ? 0 : process.exitValue();
    if (code == BY_SIGNAL + SIGKILL) {
      return "the prefill node that was started here was killed (signal 9), as the system does"
          + " where memory runs out: --split local needs no second process, a smaller model"
          + " or --ctx-size less of it";
    }
    if (code > BY_SIGNAL && code <= BY_SIGNAL + SIGNALS) {
      return "the prefill node that was started here was ended by signal "
          + (code - BY_SIGNAL)
          + ": "
          + said;
    }
    return endpoint.isCompletedExceptionally()
        ? "the prefill node could not start: " + said
        : "the prefill node that was started here has ended: " + said;
  }

  private String said() {
    try {
      // What it said last is in the pipe until it has ended.
      process.waitFor(LAST_WORDS_MS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    synchronized (errors) {
      return errors.isEmpty() ? "it said nothing" : errors.substring(0, errors.length() - 2);
    }
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  public long pid() {
    return process.pid();
  }

  /** Runs {@code action} once the process has ended. */
  public void onExit(Runnable action) {
    var _ = process.onExit().thenRun(action);
  }

  /** Asks the process to end, and does not wait for it. */
  public void askToEnd() {
    synchronized (process) {
      if (askedToEndNs == 0) {
        askedToEndNs = System.nanoTime();
        process.destroy();
      }
    }
  }

  /** Asks the process to end, unless that was done, then makes it. Twice is fine. */
  @Override
  public void close() {
    askToEnd();
    try {
      long leftNs;
      synchronized (process) {
        leftNs = GRACE_NS - (System.nanoTime() - askedToEndNs);
      }
      if (!process.waitFor(Math.max(0, leftNs), TimeUnit.NANOSECONDS)) {
        process.destroyForcibly().waitFor(LAST_WORDS_MS, TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
