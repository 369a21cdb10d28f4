package dev.baton.cli;

import dev.baton.BatonConfig;
import dev.baton.kernel.KernelsConfig;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** This node, and its prefill node: shared by the commands that open an engine. */
final class NodesOptions {
  @Option(
      names = "--prefill",
      paramLabel = "HOST:PORT",
      converter = Addresses.OfNode.class,
      description = "Use the prefill node that listens there, instead of starting one.")
  private @Nullable String prefill;

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      converter = Addresses.Listening.class,
      description = "Where the prefill node sends the KV to (default: any free port it can reach).")
  private @Nullable String listen;

  @Option(
      names = "--advertise",
      paramLabel = "HOST:PORT",
      converter = Addresses.OfNode.class,
      description =
          "What the prefill node is told instead of that, in a container or behind a relay.")
  private @Nullable String advertise;

  @Mixin private ClusterKeyOption clusterKey = new ClusterKeyOption();

  @Mixin private DeviceOption device = new DeviceOption();

  @Option(
      names = "--prefill-device",
      paramLabel = "DEVICE",
      description =
          "What computes at the prefill node that is started, in its own process (default: the same"
              + " as here).")
  private @Nullable String prefillDevice;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Compute threads of each node; 0: one per processor (default: ${DEFAULT-VALUE}).")
  @Within(least = 0, most = KernelsConfig.MAX_THREADS)
  private int threads;

  @Mixin private ContextOption context = new ContextOption();

  @Option(
      names = "--chunk",
      paramLabel = "N",
      defaultValue = "128",
      description =
          "Prompt tokens that go through the layers together (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = BatonConfig.MAX_CHUNK_TOKENS)
  private int chunk;

  @Mixin private MaxStallOption maxStall = new MaxStallOption();

  /** An engine's configuration as far as these options go. */
  BatonConfig.Builder config(Path model, Terminal terminal) {
    return BatonConfig.builder(model)
        .prefill(prefill)
        .listen(listen)
        .advertise(advertise)
        .clusterKey(clusterKey.key(terminal))
        .device(device.name())
        .prefillDevice(prefillDevice)
        .threads(threads)
        .contextTokens(context.tokens())
        .chunkTokens(chunk)
        .maxStall(maxStall.duration());
  }
}
