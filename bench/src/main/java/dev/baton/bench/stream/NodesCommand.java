package dev.baton.bench.stream;

import dev.baton.bench.process.ParentWatch;
import dev.baton.bench.report.PartReport;
import dev.baton.cli.ContextOption;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code stream-nodes}: the decode process of the parts "hidden" and "pair", which is kept to one
 * core and for "hidden" lives in a network namespace. Prints a {@link PartReport}.
 */
@Command(name = "stream-nodes", hidden = true)
public final class NodesCommand implements Callable<Integer> {
  /** What is measured. */
  enum Part {
    hidden,
    pair
  }

  private final PrintStream out;

  @Option(names = "--part", required = true)
  private Part part = Part.pair;

  @Option(names = "--model", required = true)
  private Path model = Path.of("");

  @Mixin private ContextOption context = new ContextOption();

  @Option(names = "--prompt", split = ",", required = true)
  private int[] promptTokens = {};

  @Option(names = "--seconds", required = true)
  private double seconds;

  public NodesCommand(PrintStream out) {
    this.out = out;
  }

  @Override
  public Integer call() throws Exception {
    ParentWatch.hold();
    try (TwoNodes nodes = new TwoNodes(model, context.tokens())) {
      PartReport report =
          switch (part) {
            case hidden -> new HiddenShare(nodes, promptTokens, seconds).measure();
            case pair -> new PairSpeed(nodes, seconds).measure();
          };
      out.println(JsonMapper.shared().writeValueAsString(report));
    }
    return 0;
  }
}
