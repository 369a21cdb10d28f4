package dev.baton.bench.peer;

import dev.baton.bench.process.ChildJvm;
import dev.baton.bench.report.WrongResult;
import dev.baton.kernel.CpuPeaks;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** A {@link SpeedCommand} in a process of its own, which idles while the peer is measured. */
public final class BatonProcess implements AutoCloseable {
  private final ChildJvm process;
  private final ModelWork work;

  /**
   * Starts it and waits until it is ready.
   *
   * @throws WrongResult where it fails, with the line it said
   */
  public BatonProcess(Path model, int threads, int chunk, int context, int sequences)
      throws InterruptedException {
    this.process =
        ChildJvm.start(
            List.of(),
            Map.of(),
            ChildJvm.BENCH,
            List.of(
                "peer-speed",
                "--model=" + model,
                "--threads=" + threads,
                "--chunk=" + chunk,
                "--context=" + context,
                "--sequences=" + sequences));
    try {
      this.work = read(ModelWork.class);
    } catch (WrongResult e) {
      process.close();
      throw e;
    }
  }

  ModelWork work() {
    return work;
  }

  CpuPeaks peaks() throws InterruptedException {
    return ask("peaks", CpuPeaks.class);
  }

  /** Tokens a second of a prompt. */
  public double prefill(int tokens) throws InterruptedException {
    return ask("prefill " + tokens, Double.class);
  }

  /** Tokens a second of an answer behind {@code depth} tokens, of all sequences together. */
  public double decode(int depth, int tokens, int sequences) throws InterruptedException {
    return ask("decode " + depth + " " + tokens + " " + sequences, Double.class);
  }

  /** The most memory that it held so far, or 0 where the system does not tell. */
  public long residentBytes() throws InterruptedException {
    return ask("resident", Long.class);
  }

  private <T> T ask(String question, Class<T> type) throws InterruptedException {
    process.send(question);
    return read(type);
  }

  private <T> T read(Class<T> type) throws InterruptedException {
    String line = process.readLine();
    if (line == null) {
      throw process.failure();
    }
    return JsonMapper.shared().readValue(line, type);
  }

  /** Ends it and waits for that: its memory is the next one's. */
  @Override
  public void close() {
    process.close();
  }
}
