package dev.baton.bench.peer;

import dev.baton.bench.process.ChildJvm;
import dev.baton.bench.report.WrongResult;
import dev.baton.kernel.CpuPeaks;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import tools.jackson.databind.json.JsonMapper;

/** A {@link SpeedCommand} in a process of its own, which idles while the peer is measured. */
final class BatonProcess implements AutoCloseable {
  private final Process process;
  private final Thread end;
  private final BufferedReader answers;
  private final PrintWriter questions;
  private final CompletableFuture<String> said;
  private final ModelWork work;

  /**
   * Starts it and waits until it is ready.
   *
   * @throws WrongResult where it fails, with the line it said
   */
  BatonProcess(Path model, int threads, int chunk, int context, int sequences) throws IOException {
    List<String> command =
        ChildJvm.command(
            List.of(),
            ChildJvm.BENCH,
            List.of(
                "peer-speed",
                "--model=" + model,
                "--threads=" + threads,
                "--chunk=" + chunk,
                "--context=" + context,
                "--sequences=" + sequences));
    this.process = new ProcessBuilder(command).start();
    this.end = new Thread(process::destroy, "baton-bench-child-end");
    Runtime.getRuntime().addShutdownHook(end);
    this.answers = process.inputReader(StandardCharsets.UTF_8);
    this.questions = new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true);
    this.said =
        CompletableFuture.supplyAsync(() ->
            process.errorReader(StandardCharsets.UTF_8).lines().collect(Collectors.joining("\n")));
    this.work = read(ModelWork.class);
  }

  ModelWork work() {
    return work;
  }

  CpuPeaks peaks() throws IOException {
    return ask("peaks", CpuPeaks.class);
  }

  double prefill(int tokens) throws IOException {
    return ask("prefill " + tokens, Double.class);
  }

  double decode(int depth, int tokens, int sequences) throws IOException {
    return ask("decode " + depth + " " + tokens + " " + sequences, Double.class);
  }

  private <T> T ask(String question, Class<T> type) throws IOException {
    questions.println(question);
    return read(type);
  }

  private <T> T read(Class<T> type) throws IOException {
    String line = answers.readLine();
    if (line == null) {
      throw new WrongResult("Baton's process ended: " + said.join().strip());
    }
    return JsonMapper.shared().readValue(line, type);
  }

  @Override
  public void close() {
    process.destroy();
    try {
      process.waitFor(); // its memory is the next one's
      Runtime.getRuntime().removeShutdownHook(end);
    } catch (IllegalStateException _) {
      // This process is ending, and the hook has ended the child.
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
