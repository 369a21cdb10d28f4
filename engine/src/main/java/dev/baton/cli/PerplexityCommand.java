package dev.baton.cli;

import dev.baton.Perplexity;
import dev.baton.cluster.NodeCompute;
import dev.baton.kernel.KernelsConfig;
import dev.baton.text.Tokenizer;
import dev.baton.text.Vocabulary;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code baton perplexity}: how well a model predicts a text. */
@Command(
    name = "perplexity",
    header = "Measure how well a model predicts a text.",
    description = {
      "%nThe field's convention: non-overlapping windows of "
          + Perplexity.WINDOW
          + " tokens, BOS put first where the model wants one, scored on each window's second half."
          + " Lower is better; figures compare only between models of the same vocabulary.%n"
    },
    footerHeading = "%nExample:%n",
    footer = "  baton perplexity --model smollm2-135m --json book.txt")
final class PerplexityCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Parameters(paramLabel = "FILE", description = "A UTF-8 text; '-' reads it from stdin.")
  private String file = "";

  @Mixin private ModelOption model = new ModelOption();

  @Option(
      names = "--chunk",
      paramLabel = "N",
      defaultValue = "128",
      description =
          "Tokens that go through the layers together; makes no difference to the result (default:"
              + " ${DEFAULT-VALUE}).")
  private int chunk;

  @Mixin private WireOption wire = new WireOption();

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "0",
      description = "Compute threads; 0: one per processor (default: ${DEFAULT-VALUE}).")
  private int threads;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  PerplexityCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    if (chunk < 1 || chunk > Perplexity.WINDOW) {
      throw new IllegalArgumentException(
          "a chunk has 1 to " + Perplexity.WINDOW + " tokens, not " + chunk);
    }
    String text = terminal.textOfFile(file);
    KernelsConfig kernels = KernelsConfig.fromEnvironment(terminal.env());
    try (StatusLine status = new StatusLine(terminal, System::nanoTime);
        NodeCompute compute =
            NodeCompute.open(
                model.file(terminal),
                threads == 0 ? kernels : kernels.withThreads(threads),
                done -> status.show("loading " + model.nameOrPath(), done))) {
      compute.notices().forEach(terminal::note);
      Vocabulary vocabulary = Vocabulary.from(compute.model().file().metadata());
      int[] tokens = Tokenizer.of(vocabulary).encode(text, true, false);
      int bos = vocabulary.framing().addsBos() ? vocabulary.special().bos() : Vocabulary.NONE;
      Perplexity result =
          Perplexity.measure(
              compute.model(),
              compute.cache(),
              tokens,
              new Perplexity.Setting(bos, chunk, wire.type()),
              done -> status.show("scoring", done));
      status.clear();
      terminal.println(json ? Json.line(result) : shown(result));
      return BatonCli.DONE;
    }
  }

  private static String shown(Perplexity result) {
    return String.format(
        Locale.ROOT,
        "perplexity %.4f +/- %.4f (%d windows of %d tokens, %d predictions scored)",
        result.perplexity(),
        result.standardError(),
        result.windows(),
        Perplexity.WINDOW,
        result.scoredTokens());
  }
}
