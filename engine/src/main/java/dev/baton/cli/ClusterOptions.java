package dev.baton.cli;

import dev.baton.clusterfile.ClusterFile;
import dev.baton.device.DeviceCatalog;
import dev.baton.device.ModelArchitecture;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** {@code --cluster} and {@code --model}: shared by the commands that run nothing. */
final class ClusterOptions {
  /** The largest chunk that a node of such a cluster takes. */
  static final int LARGEST_CHUNK_TOKENS = 4096;

  @Option(
      names = "--cluster",
      paramLabel = "FILE",
      required = true,
      description = "The nodes and links, a TOML file or one of the built-in ones.")
  private String clusterFile = "";

  @Option(
      names = "--model",
      paramLabel = "NAME",
      required = true,
      description = "A model and the form of its weights, such as llama-3.1-8b-f16.")
  private String modelName = "";

  /** What the two options name. */
  record Named(ModelArchitecture model, ClusterFile cluster) {}

  Named read() {
    DeviceCatalog catalog = DeviceCatalog.load();
    ModelArchitecture model = catalog.model(modelName);
    return new Named(model, ClusterFile.read(path(), model, catalog));
  }

  private Path path() {
    try {
      return Path.of(clusterFile);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException(
          "--cluster takes a file, not '" + Failure.oneLine(clusterFile) + "'", e);
    }
  }
}
