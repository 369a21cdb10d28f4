package dev.baton.cli;

import dev.baton.Perplexity;
import dev.baton.Verification;
import dev.baton.node.KvDemand;
import dev.baton.node.NodeCompute;
import dev.baton.text.Tokenizer;
import dev.baton.text.Vocabulary;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code baton verify}: how far a device's numbers are from another's. */
@Command(
    name = "verify",
    header = "Compare a device's numbers with another's, for a model and a text.",
    description = {
      "%nBoth read windows of "
          + Perplexity.WINDOW
          + " tokens of the text: how far are the logits apart, how often is the likeliest token"
          + " the same, and how well does each predict the text? Then both go on greedily from its"
          + " beginning, and where they part it is shown how close the choice was.",
      "Exit code 1 where the perplexities differ by more than 0.5%% or the likeliest token by more"
          + " than one in ten.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton verify --device CUDA0 --model smollm2-135m book.txt",
      "  baton verify --device Vulkan0 --against ggml-cpu --windows 2 --json book.txt"
    })
final class VerifyCommand implements Callable<Integer> {
  private static final double MOST_PERPLEXITY_DIFFERENCE = 0.005;
  private static final double LEAST_AGREEMENT = 0.9;

  private final Terminal terminal;

  @Mixin private ScoredText text = new ScoredText();
  @Mixin private ModelOption model = new ModelOption();
  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private ContextOption context = new ContextOption();

  @Option(
      names = "--against",
      paramLabel = "DEVICE",
      defaultValue = NodeCompute.CPU,
      description = "The device to compare with (default: ${DEFAULT-VALUE}).")
  private String against = NodeCompute.CPU;

  @Option(
      names = "--windows",
      paramLabel = "N",
      defaultValue = "4",
      description = "Windows of the text that are read at most (default: ${DEFAULT-VALUE}).")
  @Within(least = 1)
  private int windows;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  VerifyCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    String scored = text.read(terminal);
    try (StatusLine status = new StatusLine(terminal, System::nanoTime);
        NodeCompute reference = open(against, status);
        NodeCompute tried = open(device.name(), status)) {
      Tokenizer tokenizer = Tokenizer.from(reference.model().file().metadata());
      Vocabulary vocabulary = tokenizer.vocabulary();
      int[] tokens = tokenizer.encode(scored, true, false);
      int most = (int) Math.min(tokens.length, (long) windows * Perplexity.WINDOW);
      Verification result =
          Verification.of(
              new Verification.Side(tried.model(), tried.pool()),
              new Verification.Side(reference.model(), reference.pool()),
              java.util.Arrays.copyOf(tokens, most),
              vocabulary.framing().addsBos() ? vocabulary.special().bos() : Vocabulary.NONE,
              text.chunk(),
              done -> status.show("comparing", done));
      status.clear();
      terminal.print(
          json
              ? Json.line(result) + System.lineSeparator()
              : shown(result, tried, reference, tokenizer));
      return isClose(result) ? BatonCli.DONE : BatonCli.FAILED;
    }
  }

  private NodeCompute open(String name, StatusLine status) {
    return NodeCompute.open(
        model.file(terminal),
        name,
        text.kernels(terminal),
        new KvDemand(context.tokens(), 2 * Perplexity.WINDOW, 1),
        done -> status.show("loading " + model.nameOrPath() + " on " + name, done));
  }

  private static boolean isClose(Verification result) {
    return Math.abs(difference(result)) <= MOST_PERPLEXITY_DIFFERENCE
        && result.topOneAgreement() >= LEAST_AGREEMENT;
  }

  private static double difference(Verification result) {
    return result.perplexity() / result.referencePerplexity() - 1;
  }

  private String shown(
      Verification result, NodeCompute tried, NodeCompute reference, Tokenizer tokenizer) {
    return String.format(
        Locale.ROOT,
        "%-12s %s against %s, %d predictions in %d windows%n"
            + "%-12s %.3g of their spread, %.3g at most%n"
            + "%-12s the likeliest token is the same in %.2f %%%n"
            + "%-12s %.4f, %s %.4f (%+.3f %%)%n"
            + "%-12s %s%n",
        "compared",
        tried.description(),
        reference.description(),
        result.predictions(),
        result.windows(),
        "logit error",
        result.logitError(),
        result.largestLogitError(),
        "agreement",
        100 * result.topOneAgreement(),
        "perplexity",
        result.perplexity(),
        against,
        result.referencePerplexity(),
        100 * difference(result),
        "greedy",
        greedy(result, tokenizer));
  }

  private String greedy(Verification result, Tokenizer tokenizer) {
    Verification.Difference first = result.difference();
    if (first == null) {
      return "the same " + result.greedyAsked() + " tokens";
    }
    return String.format(
        Locale.ROOT,
        "the same %d tokens, then '%s' by %.3g of a logit where %s has '%s' by %.3g",
        first.place(),
        piece(tokenizer, first.chosen()),
        first.margin(),
        against,
        piece(tokenizer, first.referenceChosen()),
        first.referenceMargin());
  }

  private static String piece(Tokenizer tokenizer, int token) {
    return Failure.oneLine(
        new String(tokenizer.pieceBytes(token), java.nio.charset.StandardCharsets.UTF_8));
  }
}
