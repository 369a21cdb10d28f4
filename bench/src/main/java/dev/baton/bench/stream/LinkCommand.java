package dev.baton.bench.stream;

import dev.baton.bench.process.ParentWatch;
import java.io.PrintStream;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code stream-link}: one comparison over whatever loopback this process finds itself in; the part
 * "shaped" runs it in a network namespace of its own. Prints a {@link LinkResult}.
 */
@Command(name = "stream-link", hidden = true)
public final class LinkCommand implements Callable<Integer> {
  private final PrintStream out;

  @Option(names = "--shape", required = true)
  private String shape = "";

  @Option(names = "--tokens", required = true)
  private int tokens;

  @Option(names = "--mtu", required = true)
  private int mtuBytes;

  @Option(names = "--seconds", required = true)
  private double seconds;

  public LinkCommand(PrintStream out) {
    this.out = out;
  }

  @Override
  public Integer call() throws Exception {
    ParentWatch.hold();
    try (LinkComparison comparison = new LinkComparison(UnaryOperator.identity())) {
      LinkResult result =
          comparison.measure(Shape.named(shape).withTokens(tokens), mtuBytes, seconds, false);
      out.println(JsonMapper.shared().writeValueAsString(result.withLost(ShapedLink.lost())));
    }
    return 0;
  }
}
