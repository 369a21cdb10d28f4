package dev.baton.cli;

import dev.baton.Perplexity;
import dev.baton.Report;
import dev.baton.kernel.KvWireType;
import dev.baton.node.NodeCompute;
import dev.baton.text.Tokenizer;
import dev.baton.text.Vocabulary;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

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

  @Mixin private ScoredText text = new ScoredText();
  @Mixin private ModelOption model = new ModelOption();
  @Mixin private WireOption wire = new WireOption();
  @Mixin private ContextOption context = new ContextOption();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  PerplexityCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    String scored = text.read(terminal);
    try (StatusLine status = new StatusLine(terminal, System::nanoTime);
        NodeCompute compute =
            NodeCompute.open(
                model.file(terminal),
                NodeCompute.CPU,
                text.kernels(terminal),
                context.demand(),
                done -> status.show("loading " + model.nameOrPath(), done))) {
      compute.notices().forEach(terminal::note);
      Tokenizer tokenizer = Tokenizer.from(compute.model().file().metadata());
      Vocabulary vocabulary = tokenizer.vocabulary();
      int[] tokens = tokenizer.encode(scored, true, false);
      int bos = vocabulary.framing().addsBos() ? vocabulary.special().bos() : Vocabulary.NONE;
      Perplexity result =
          Perplexity.measure(
              compute.model(),
              compute.pool(),
              tokens,
              new Perplexity.Setting(bos, text.chunk(), wire.type()),
              done -> status.show("scoring", done));
      status.clear();
      boolean lossy = wire.type() != KvWireType.F16;
      terminal.println(
          json
              ? Json.line(Result.of(result, Report.numbers(compute.model().isExact(), lossy)))
              : shown(result) + (lossy ? "; behind KV as q8, which is lossy" : ""));
      return BatonCli.DONE;
    }
  }

  /** What {@code --json} prints. */
  record Result(
      double perplexity, double standardError, int windows, int scoredTokens, String numbers) {
    static Result of(Perplexity score, String numbers) {
      return new Result(
          score.perplexity(),
          score.standardError(),
          score.windows(),
          score.scoredTokens(),
          numbers);
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
