package dev.baton.bench.stream;

import dev.baton.bench.process.ChildJvm;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * A {@code baton node} with one compute thread on the prefill core, in this process's network
 * namespace. It ends with this process.
 */
public final class PinnedNode implements AutoCloseable {
  private static final String READY = "READY ";

  private final ChildJvm process;
  private final String endpoint;

  private PinnedNode(ChildJvm process, String endpoint) {
    this.process = process;
    this.endpoint = endpoint;
  }

  /**
   * How a node is started.
   *
   * @param device what it computes on, as its {@code --device} has it
   * @param contextTokens what it serves at most; 0 for what the model and memory allow
   * @param lease how long it keeps the work of a silent decode node
   * @param pinned whether it is kept to that core, or runs where the system puts it
   */
  public record Setup(
      Path model, String device, int contextTokens, Duration lease, boolean pinned) {}

  /**
   * Starts the node and waits until it listens.
   *
   * @param environment what differs from this process's
   * @throws WrongResult when it does not start, with what it said
   */
  public static PinnedNode start(Setup setup, Map<String, String> environment)
      throws InterruptedException {
    ChildJvm process =
        ChildJvm.start(
            setup.pinned ? OneCore.PREFILL.prefix() : List.of(),
            environment,
            ChildJvm.BATON,
            List.of(
                "node",
                "--model",
                setup.model.toString(),
                "--device",
                setup.device,
                "--ctx-size",
                Integer.toString(setup.contextTokens),
                "--threads",
                "1",
                "--lease-ms",
                Long.toString(setup.lease.toMillis()),
                "--child"));
    for (String line = process.readLine(); line != null; line = process.readLine()) {
      if (line.startsWith(READY)) {
        return new PinnedNode(process, line.substring(READY.length()).trim());
      }
    }
    try (process) {
      throw process.failure();
    }
  }

  /** HOST:PORT where it listens. */
  public String endpoint() {
    return endpoint;
  }

  /** Ends the node. Twice is fine. */
  @Override
  public void close() {
    process.close();
  }
}
