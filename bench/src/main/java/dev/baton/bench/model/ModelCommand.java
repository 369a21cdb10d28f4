package dev.baton.bench.model;

import dev.baton.cli.Within;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code baton bench model}: writes a random-weight model to measure speed with. */
@Command(
    name = "model",
    header = "Write a model with random weights that Baton and llama.cpp load, to time them.",
    sortOptions = false,
    footerHeading = "%nExample:%n",
    footer = "  baton bench model --shape tinyllama-1.1b --quant q4_0 tinyllama.gguf")
public final class ModelCommand implements Callable<Integer> {
  /** The shapes' names, for help. */
  static final class Names implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return PublishedShape.names().iterator();
    }
  }

  private final PrintStream out;

  @Option(
      names = "--shape",
      required = true,
      paramLabel = "SHAPE",
      completionCandidates = Names.class,
      description = "${COMPLETION-CANDIDATES}.")
  private String shape = "";

  @Option(
      names = "--quant",
      required = true,
      paramLabel = "QUANT",
      description = "${COMPLETION-CANDIDATES}, with llama.cpp's choice of types.")
  private ModelQuant quant = ModelQuant.q4_0;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "The same seed gives the same bytes (default: ${DEFAULT-VALUE}).")
  @Within(least = Long.MIN_VALUE, most = Long.MAX_VALUE)
  private long seed;

  @Parameters(paramLabel = "OUT.gguf", description = "The file, replaced where it is there.")
  private Path file = Path.of("");

  public ModelCommand(PrintStream out) {
    this.out = out;
  }

  @Override
  public Integer call() throws IOException {
    PublishedShape wanted = PublishedShape.named(shape);
    SyntheticModel model = new SyntheticModel(wanted, quant, seed);
    model.write(file);
    out.printf(
        Locale.ROOT,
        "%s: %s %s, %.2f billion random weights, %.2f GB%s%n",
        file,
        wanted.name(),
        quant,
        model.parameters() / 1e9,
        Files.size(file) / 1e9,
        wanted.isRunByBaton()
            ? ""
            : "; this version of Baton does not run " + wanted.architecture());
    return 0;
  }
}
