package dev.baton.bench.peer;

import dev.baton.bench.report.WrongResult;
import dev.baton.kernel.CpuPeaks;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code peer-speed}: Baton's side of the comparison. Loads a model, prints its {@link ModelWork},
 * then answers each line of stdin with one of JSON: {@code peaks}, {@code resident}, {@code prefill
 * TOKENS}, {@code decode DEPTH TOKENS SEQUENCES}. Ends with stdin.
 */
@Command(name = "peer-speed", hidden = true)
public final class SpeedCommand implements Callable<Integer> {
  private final PrintStream out;

  @Option(names = "--model", required = true)
  private Path model = Path.of("");

  @Option(names = "--threads", required = true)
  private int threads;

  @Option(names = "--chunk", required = true)
  private int chunk;

  @Option(names = "--context", required = true)
  private int context;

  @Option(names = "--sequences", required = true)
  private int sequences;

  public SpeedCommand(PrintStream out) {
    this.out = out;
  }

  @Override
  public Integer call() throws IOException {
    try (BatonSpeed speed = new BatonSpeed(model, threads, chunk, context, sequences)) {
      print(speed.work());
      BufferedReader asked =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = asked.readLine(); line != null; line = asked.readLine()) {
        print(answer(speed, line.split(" ")));
      }
    }
    return 0;
  }

  private static Object answer(BatonSpeed speed, String[] words) {
    return switch (words[0]) {
      case "peaks" -> peaks(speed);
      case "resident" -> residentBytes();
      case "prefill" -> speed.prefill(number(words, 1));
      case "decode" -> speed.decode(number(words, 1), number(words, 2), number(words, 3));
      default -> throw new WrongResult("asked for '" + words[0] + "'");
    };
  }

  private static CpuPeaks peaks(BatonSpeed speed) {
    return speed.kernels().peaks();
  }

  /** By Linux's own account; 0 elsewhere. */
  private static long residentBytes() {
    try {
      return Files.readAllLines(Path.of("/proc/self/status")).stream()
          .filter(line -> line.startsWith("VmHWM:"))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
          .findFirst()
          .orElse(0);
    } catch (IOException _) {
      return 0;
    }
  }

  private static int number(String[] words, int index) {
    return Integer.parseInt(words[index]);
  }

  private void print(Object value) {
    out.println(JsonMapper.shared().writeValueAsString(value));
  }
}
