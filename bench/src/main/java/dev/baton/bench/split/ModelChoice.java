package dev.baton.bench.split;

import dev.baton.catalog.ModelCatalog;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** {@code --model}: shared by the benchmarks that run one of the catalog's or of the user's. */
final class ModelChoice {
  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      description = "A name or a GGUF file (default: ${DEFAULT-VALUE}).")
  private String nameOrPath;

  ModelChoice(String usual) {
    this.nameOrPath = usual;
  }

  String nameOrPath() {
    return nameOrPath;
  }

  Path file() {
    return ModelCatalog.of(System.getenv()).resolve(nameOrPath);
  }
}
