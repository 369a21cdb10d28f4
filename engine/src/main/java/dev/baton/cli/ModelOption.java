package dev.baton.cli;

import dev.baton.catalog.ModelCatalog;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** {@code --model}: shared by the commands that open one. */
final class ModelOption {
  static final String DEFAULT = "baton-tiny";

  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      defaultValue = DEFAULT,
      description =
          "A name that 'baton models' lists, or the path of a GGUF file (default:"
              + " ${DEFAULT-VALUE}).")
  private String nameOrPath = DEFAULT;

  String nameOrPath() {
    return nameOrPath;
  }

  /** The file to open. */
  Path file(Terminal terminal) {
    return ModelCatalog.of(terminal.env()).resolve(nameOrPath, terminal::note);
  }
}
