package dev.baton.cluster;

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
  private static final long GRACE_MS = 2_000;

  private final Process process;
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
      throw new ClusterException("the prefill node could not start: " + said(), e);
    } catch (TimeoutException e) {
      throw new ClusterException(
          "the prefill node was not ready within " + timeout.toSeconds() + " s: " + said(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ClusterException("interrupted while the prefill node started", e);
    }
  }

  private String said() {
    try {
      // What it said last is in the pipe until it has ended.
      process.waitFor(500, TimeUnit.MILLISECONDS);
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

  /** Asks the process to end, then makes it. Twice is fine. */
  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(GRACE_MS, TimeUnit.MILLISECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
