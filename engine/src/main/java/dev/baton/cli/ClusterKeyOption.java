package dev.baton.cli;

import dev.baton.kvstream.ClusterKey;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --cluster-key-file}: shared by the commands that talk to other nodes. */
final class ClusterKeyOption {
  @Option(
      names = "--cluster-key-file",
      paramLabel = "FILE",
      description =
          "The key that all nodes share, made by 'baton key' (default: BATON_CLUSTER_KEY or"
              + " BATON_CLUSTER_KEY_FILE). With one, nodes may be on other machines, and what they"
              + " tell each other after their greetings is encrypted; 'baton key --help' says what"
              + " is not.")
  private @Nullable Path file;

  /** The key, or null where none is named. */
  @Nullable ClusterKey key(Terminal terminal) {
    return file != null
        ? ClusterKey.read(file)
        : ClusterKey.fromEnvironment(terminal.env()).orElse(null);
  }
}
