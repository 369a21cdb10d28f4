package dev.baton.bench.pareto;

import dev.baton.bench.model.HeldOutText;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/** {@code pareto-score}: prints a model's {@link TextScore} as JSON, from a process of its own. */
@Command(name = "pareto-score", hidden = true)
public final class ScoreCommand implements Callable<Integer> {
  private final PrintStream out;

  @Option(names = "--model", required = true)
  private Path model = Path.of("");

  @Option(names = "--threads", required = true)
  private int threads;

  @Option(names = "--text")
  private @Nullable Path text;

  public ScoreCommand(PrintStream out) {
    this.out = out;
  }

  @Override
  public Integer call() throws IOException {
    String scored = text == null ? HeldOutText.read() : Files.readString(text);
    out.println(JsonMapper.shared().writeValueAsString(TextScore.of(model, threads, scored)));
    return 0;
  }
}
