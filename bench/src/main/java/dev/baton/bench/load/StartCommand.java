package dev.baton.bench.load;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.Generation;
import dev.baton.Split;
import dev.baton.bench.report.WrongResult;
import dev.baton.catalog.ModelCatalog;
import dev.baton.cli.ContextOption;
import dev.baton.cpu.CpuModel;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code load-start}: opens a model once, answers a few tokens, prints a {@link Start} and then
 * what its memory is for each line of stdin. Ends with stdin.
 */
@Command(name = "load-start", hidden = true)
public final class StartCommand implements Callable<Integer> {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path SHARES = Path.of("/proc/self/smaps_rollup");
  private static final int PROMPT_TOKENS = 8;
  private static final int OUTPUT_TOKENS = 4;

  private final PrintStream out;

  @Mixin private ContextOption context = new ContextOption();

  @Option(names = "--model", required = true)
  private String model = "";

  public StartCommand(PrintStream out) {
    this.out = out;
  }

  /**
   * One start.
   *
   * @param readyMs from the call that opens the model until it takes requests
   * @param firstTokenMs from the same call to the first token of an answer
   * @param grownBytes resident memory with the model in use, less that before it was opened
   * @param origin how the weights came
   * @param answer what has to be the same at each start
   */
  record Start(
      double readyMs, double firstTokenMs, long grownBytes, String origin, String answer) {}

  @Override
  public Integer call() throws IOException, InterruptedException {
    Path file = ModelCatalog.of(System.getenv()).resolve(model);
    long before = bytes(STATUS, "VmRSS:");
    long startNs = System.nanoTime();
    BatonConfig config =
        BatonConfig.builder(file).split(new Split.Local()).contextTokens(context.tokens()).build();
    try (Baton baton = Baton.open(config)) {
      double readyMs = (System.nanoTime() - startNs) / 1e6;
      int[] prompt = IntStream.range(10, 10 + PROMPT_TOKENS).toArray();
      StringBuilder answer = new StringBuilder();
      double firstTokenMs;
      try (Generation generation =
          baton.generateExactly(prompt, OUTPUT_TOKENS, new Split.Local())) {
        String text = generation.next();
        firstTokenMs = (System.nanoTime() - startNs) / 1e6;
        for (; text != null; text = generation.next()) {
          answer.append(text);
        }
      }
      long grown = bytes(STATUS, "VmRSS:") - before;
      String origin =
          baton.compute().model() instanceof CpuModel onKernels
              ? onKernels.weightOrigin()
              : baton.compute().model().description();
      print(new Start(readyMs, firstTokenMs, grown, origin, answer.toString()));
      BufferedReader asked =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      while (asked.readLine() != null) {
        print(bytes(SHARES, "Pss:"));
      }
    }
    return 0;
  }

  /** The bytes that a file of the kernel's has at {@code key}. */
  private static long bytes(Path file, String key) throws IOException {
    return Files.readAllLines(file).stream()
        .filter(line -> line.startsWith(key))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
        .findFirst()
        .orElseThrow(() -> new WrongResult(file + " has no " + key));
  }

  private void print(Object value) {
    out.println(JsonMapper.shared().writeValueAsString(value));
  }
}
