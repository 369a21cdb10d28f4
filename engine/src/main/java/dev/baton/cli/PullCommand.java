package dev.baton.cli;

import dev.baton.catalog.CatalogModel;
import dev.baton.catalog.GgmlPackage;
import dev.baton.catalog.GgmlPull;
import dev.baton.catalog.ModelCatalog;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code baton pull}: brings a model, or the library for accelerators, into the cache folder. */
@Command(
    name = "pull",
    header = "Bring a model into the cache folder.",
    description = {
      "%nTries the model's sources in turn, goes on where an earlier pull broke off, and keeps only"
          + " bytes with the pinned SHA-256.",
      "Prints the file's path on stdout. A model that is there already is checked, not brought"
          + " again.",
      "ggml, ggml-vulkan, ggml-cuda and ggml-metal are builds of the library that computes on"
          + " accelerators; npm brings them, nothing of them is run.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton pull smollm2-135m",
      "  baton pull ggml-vulkan",
      "  BATON_HOME=/data/baton baton pull smollm2-135m"
    })
final class PullCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Parameters(
      paramLabel = "NAME",
      description =
          "A name that 'baton models' lists, or ggml, ggml-vulkan, ggml-cuda, ggml-metal.")
  private String name = "";

  PullCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    if (GgmlPackage.isName(name)) {
      terminal.println(pullGgml().toString());
      return BatonCli.DONE;
    }
    ModelCatalog catalog = ModelCatalog.of(terminal.env());
    Path file;
    try (PullBar bar = new PullBar(terminal)) {
      file = catalog.pull(name, bar);
    }
    for (CatalogModel model : catalog.models()) {
      if (model.name().equals(name)) {
        terminal.note(
            name + " is here (" + model.sizeInWords() + ", licence " + model.licence() + ")");
      }
    }
    terminal.println(file.toString());
    return BatonCli.DONE;
  }

  private Path pullGgml() {
    GgmlPackage wanted =
        GgmlPackage.find(
            name, System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
    Path folder;
    try (PullBar bar = new PullBar(terminal)) {
      folder = new GgmlPull(terminal.env()).pull(wanted, bar);
    }
    terminal.note(name + " is here (licence MIT); 'baton devices' shows what it finds");
    return folder;
  }
}
