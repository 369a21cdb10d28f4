package dev.baton.bench.pareto;

import dev.baton.bench.energy.EnergyMeter;
import dev.baton.bench.peer.BatonProcess;
import dev.baton.bench.report.Spread;
import dev.baton.bench.report.WrongResult;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The rounds of one model. */
final class Trials {
  private static final int CHUNK = 512;

  /** What one warms up with. */
  private static final int FEW_TOKENS = 16;

  /**
   * What is measured of each.
   *
   * @param promptBytes of text before an answer
   * @param outputBytes of text in it
   * @param threads that compute
   * @param watts drawn meanwhile, where that cannot be measured
   */
  record Setting(int promptBytes, int outputBytes, int threads, double watts) {}

  private final String model;
  private final Path file;
  private final TextScore score;
  private final List<Double> prefill = new ArrayList<>();
  private final List<Double> decode = new ArrayList<>();
  private final List<Double> seconds = new ArrayList<>();
  private final List<Double> joules = new ArrayList<>();
  private long residentBytes;

  Trials(String model, Path file, TextScore score) {
    this.model = model;
    this.file = file;
    this.score = score;
  }

  String model() {
    return model;
  }

  /**
   * One round, in a fresh process: memory is the model's alone.
   *
   * @param meter of energy, or null where it is to be stated
   * @throws WrongResult where the model's context is too short, or it cannot be run
   */
  void run(Setting setting, @Nullable EnergyMeter meter) throws IOException, InterruptedException {
    int prompt = score.tokensOf(setting.promptBytes);
    int output = score.tokensOf(setting.outputBytes);
    if (prompt + output > score.contextTokens()) {
      throw new WrongResult(
          "prompt and answer are "
              + (prompt + output)
              + " tokens for "
              + model
              + ", whose context is "
              + score.contextTokens()
              + "; ask for less with --prompt and --output");
    }
    try (BatonProcess process =
        new BatonProcess(file, setting.threads, CHUNK, prompt + output, 1)) {
      process.prefill(Math.min(prompt, FEW_TOKENS));
      process.decode(1, Math.min(output, FEW_TOKENS), 1);
      if (meter != null) {
        meter.start();
      }
      double prefillRate = process.prefill(prompt);
      double decodeRate = process.decode(prompt, output, 1);
      double took = prompt / prefillRate + output / decodeRate;
      joules.add(
          meter == null
              ? took * setting.watts
              : meter
                  .stop(took)
                  .orElseThrow(() -> new IOException("the energy counters stopped answering")));
      prefill.add(prefillRate);
      decode.add(decodeRate);
      seconds.add(took);
      residentBytes = Math.max(residentBytes, process.residentBytes());
    }
  }

  Candidate candidate(Setting setting, Cost cost) {
    int prompt = score.tokensOf(setting.promptBytes);
    int output = score.tokensOf(setting.outputBytes);
    Spread time = Spread.of(seconds);
    Spread energy = Spread.of(joules);
    return new Candidate(
        model,
        new Candidate.Quality(score.bitsPerByte(), score.perplexity()),
        new Candidate.Answer(prompt, output, Spread.of(prefill), Spread.of(decode), time),
        new Candidate.Memory(
            score.weightBytes() + (prompt + output) * score.kvBytesPerToken(), residentBytes),
        new Candidate.Price(
            energy,
            cost.usd(time.median(), energy.median()),
            (Byte.SIZE - score.bitsPerByte()) * setting.outputBytes / energy.median()));
  }
}
