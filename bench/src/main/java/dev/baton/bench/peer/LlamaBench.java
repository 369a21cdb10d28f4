package dev.baton.bench.peer;

import dev.baton.bench.process.ChildProcess;
import dev.baton.bench.report.WrongResult;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A {@code llama-bench} program, llama.cpp's or one of its forks', run once for every measurement.
 */
final class LlamaBench implements Peer {
  private final String name;
  private final Path program;
  private final Path model;
  private final List<String> more;
  private final boolean knowsDepth;

  /**
   * Asks the program what it can do.
   *
   * @param name for figures
   * @param more options for it behind ours
   * @throws WrongResult where it cannot be run
   */
  LlamaBench(String name, Path program, Path model, List<String> more) throws InterruptedException {
    this.name = name;
    this.program = program;
    this.model = model;
    this.more = List.copyOf(more);
    this.knowsDepth = run(List.of("--help")).contains("--n-depth");
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public boolean prefills() {
    return true;
  }

  @Override
  public boolean decodes() {
    return true;
  }

  @Override
  public double prefill(int threads, int tokens) throws InterruptedException {
    List<String> what = List.of("-p", Integer.toString(tokens), "-n", "0");
    return tokensPerSecond(measure(threads, what), tokens, 0);
  }

  @Override
  public double decode(int threads, int depth, int tokens) throws InterruptedException {
    String n = Integer.toString(tokens);
    // Forks from before -d have -gp, which leaves the time of the prompt out as well.
    List<String> what =
        depth == 0
            ? List.of("-p", "0", "-n", n)
            : knowsDepth
                ? List.of("-p", "0", "-n", n, "-d", Integer.toString(depth))
                : List.of("-p", "0", "-n", "0", "-gp", depth + "," + n);
    int prompt = knowsDepth ? 0 : depth;
    return tokensPerSecond(measure(threads, what), prompt, tokens);
  }

  private String measure(int threads, List<String> what) throws InterruptedException {
    List<String> words = new ArrayList<>(List.of("-m", model.toString()));
    words.addAll(List.of("-t", Integer.toString(threads), "-r", "1", "-o", "json"));
    words.addAll(what);
    words.addAll(more);
    return run(words);
  }

  private String run(List<String> words) throws InterruptedException {
    List<String> command = new ArrayList<>(List.of(program.toString()));
    command.addAll(words);
    try {
      return ChildProcess.run(command, Peer::lastLine).out();
    } catch (WrongResult e) {
      throw new WrongResult(
          program.getFileName() + " " + String.join(" ", words) + ": " + e.reason());
    }
  }

  /**
   * The average of the only test in a result, which has to be the one that was asked for.
   *
   * @throws WrongResult where it is not
   */
  static double tokensPerSecond(String printed, int prompt, int generated) {
    JsonNode tests;
    try {
      // Some print of themselves before the result.
      tests = JsonMapper.shared().readTree(printed.substring(Math.max(0, printed.indexOf("[\n"))));
    } catch (JacksonException e) {
      throw new WrongResult("llama-bench printed no JSON: " + Peer.firstLine(printed));
    }
    JsonNode test = tests.path(0);
    double speed = test.path("avg_ts").asDouble(0);
    boolean asked =
        tests.size() == 1
            && test.path("n_prompt").asInt(-1) == prompt
            && test.path("n_gen").asInt(-1) == generated;
    if (!asked || !(speed > 0) || Double.isInfinite(speed)) {
      throw new WrongResult(
          "llama-bench was asked for a prompt of "
              + prompt
              + " and an answer of "
              + generated
              + " tokens and printed "
              + Peer.firstLine(tests.toString()));
    }
    return speed;
  }
}
