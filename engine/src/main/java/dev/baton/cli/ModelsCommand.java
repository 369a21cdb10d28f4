package dev.baton.cli;

import dev.baton.catalog.CatalogModel;
import dev.baton.catalog.KeptWeights;
import dev.baton.catalog.ModelCatalog;
import dev.baton.cpu.WeightCache;
import java.io.IOException;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton models}: what can be named. */
@Command(
    name = "models",
    header = "List the models known by name, and the packed weights that are kept.",
    description = {
      "%nAny other GGUF file of a llama-like architecture is used by its path.",
      "A model's weights are packed for the kernels when it first starts, and kept for the next"
          + " starts: up to BATON_PACKED_GB (20) and half of what the disk has free, the least"
          + " recently used removed first.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton models --json | jq -r '.[] | select(.present) | .name'",
      "  baton models --prune"
    })
final class ModelsCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Option(names = "--json", description = "Print a JSON array.")
  private boolean json;

  @Option(
      names = "--prune",
      paramLabel = "GB",
      arity = "0..1",
      fallbackValue = "0",
      description =
          "Remove packed weights, the least recently used first, until the others take no more than"
              + " GB (default: all).")
  @Within(least = 0)
  private @Nullable Double prune;

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
      String file,
      long packedBytes) {}

  @Override
  public Integer call() {
    ModelCatalog catalog = ModelCatalog.of(terminal.env());
    WeightCache cache = KeptWeights.of(terminal.env());
    if (prune != null) {
      prune(cache, prune);
    }
    List<WeightCache.Entry> kept = cache.entries();
    List<Entry> entries =
        catalog.models().stream().map(model -> entry(catalog, model, kept)).toList();
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
    show(cache, kept);
    return BatonCli.DONE;
  }

  private void prune(WeightCache cache, double gb) {
    try {
      long removed = cache.prune((long) (gb * 1e9));
      terminal.note("removed " + ReportText.bytes(removed) + " of packed weights");
    } catch (IOException e) {
      throw new UserException(
          "cannot remove packed weights (" + Failure.reason(e) + "); remove them by hand", e);
    }
  }

  private void show(WeightCache cache, List<WeightCache.Entry> kept) {
    if (kept.isEmpty()) {
      return;
    }
    long held = kept.stream().mapToLong(WeightCache.Entry::bytes).sum();
    terminal.println(
        "packed weights: "
            + ReportText.bytes(held)
            + " of at most "
            + ReportText.bytes(cache.limitBytes()));
    for (WeightCache.Entry entry : kept) {
      terminal.println(
          String.format(
              Locale.ROOT,
              "  %9s  used %s  %s",
              ReportText.bytes(entry.bytes()),
              LocalDate.ofInstant(entry.lastUsed(), ZoneOffset.UTC),
              entry.source().isEmpty() ? entry.file() + " (damaged)" : entry.source()));
    }
  }

  private static Entry entry(
      ModelCatalog catalog, CatalogModel model, List<WeightCache.Entry> kept) {
    String file = catalog.fileOf(model).toString();
    return new Entry(
        model.name(),
        model.description(),
        model.sizeBytes(),
        model.sha256(),
        model.licence(),
        model.origin(),
        model.isEmbedded() || catalog.isPresent(model),
        file,
        kept.stream()
            .filter(packed -> packed.source().equals(file))
            .mapToLong(WeightCache.Entry::bytes)
            .sum());
  }
}
