package dev.baton.cli;

import dev.baton.catalog.CatalogModel;
import dev.baton.catalog.ModelCatalog;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton models}: what can be named. */
@Command(
    name = "models",
    header = "List the models known by name.",
    description = "%nAny other GGUF file of a llama-like architecture is used by its path.%n",
    footerHeading = "%nExample:%n",
    footer = "  baton models --json | jq -r '.[] | select(.present) | .name'")
final class ModelsCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Option(names = "--json", description = "Print a JSON array.")
  private boolean json;

  ModelsCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  /** What {@code --json} prints of a model. */
  record Entry(
      String name,
      String description,
      long sizeBytes,
      String sha256,
      String licence,
      String origin,
      boolean present,
      String file) {}

  @Override
  public Integer call() {
    ModelCatalog catalog = ModelCatalog.of(terminal.env());
    List<Entry> entries = catalog.models().stream().map(model -> entry(catalog, model)).toList();
    if (json) {
      terminal.println(Json.line(entries));
      return BatonCli.DONE;
    }
    for (CatalogModel model : catalog.models()) {
      String where =
          catalog.isPresent(model)
              ? "here"
              : model.isEmbedded() ? "built in" : "baton pull " + model.name();
      terminal.println(
          String.format(
              Locale.ROOT,
              "%-14s %9s  %-11s %-26s %s",
              model.name(),
              model.sizeInWords(),
              model.licence(),
              where,
              model.description()));
    }
    return BatonCli.DONE;
  }

  private static Entry entry(ModelCatalog catalog, CatalogModel model) {
    return new Entry(
        model.name(),
        model.description(),
        model.sizeBytes(),
        model.sha256(),
        model.licence(),
        model.origin(),
        model.isEmbedded() || catalog.isPresent(model),
        catalog.fileOf(model).toString());
  }
}
