package dev.baton.model;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.NativeKernels;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.DoubleConsumer;

/**
 * Loads a model through a cache, in a process of its own, and prints: how its weights came, the
 * hash of its logits, and its notice.
 */
final class LoadingProcess {
  private LoadingProcess() {}

  /** What a load gave. */
  record Result(String origin, int logitsHash, String notice) {}

  /**
   * Starts one.
   *
   * @param prefix words before the command
   * @param shell run before it in the same process, e.g. {@code ulimit}
   */
  static Process start(
      List<String> prefix, String shell, Path model, Path folder, String... options)
      throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(List.of("bash", "-c", shell + " && exec \"$@\"", "bash"));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "-XX:-UsePerfData",
            "-Xmx128m",
            "-cp",
            System.getProperty("java.class.path"),
            LoadingProcess.class.getName(),
            model.toString(),
            folder.toString()));
    command.addAll(List.of(options));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  /** The result of one that was started, waited for. */
  static Result result(Process process) throws IOException, InterruptedException {
    String said = new String(process.getInputStream().readAllBytes(), UTF_8);
    process.waitFor();
    List<String> lines = new ArrayList<>(said.lines().toList());
    if (process.exitValue() != 0 || lines.size() < 2) {
      throw new AssertionError("status " + process.exitValue() + ": " + said);
    }
    return new Result(
        lines.get(0), Integer.parseInt(lines.get(1)), lines.size() > 2 ? lines.get(2) : "");
  }

  public static void main(String[] args) {
    WeightCache cache = new WeightCache(Path.of(args[1]), 1_000_000_000L, WeightFile.Access.BEST);
    try (Kernels kernels = NativeKernels.open(KernelsConfig.defaults());
        LlamaModel model =
            LlamaModel.load(
                Path.of(args[0]), kernels, cache, args.length > 2 ? stopAt(0.8) : _ -> {})) {
      System.out.println(model.weightOrigin());
      System.out.println(Arrays.hashCode(logits(model)));
      model.weightNotice().ifPresent(System.out::println);
    }
  }

  /** Says so and waits to be killed once so much is done, which is in the middle of writing. */
  private static DoubleConsumer stopAt(double share) {
    return done -> {
      if (done >= share && done < 1) {
        System.out.println("writing");
        LockSupport.park();
      }
    };
  }

  /** Logits behind a short prompt, bit for bit. */
  static int[] logits(LlamaModel model) {
    int vocab = model.config().vocab();
    int[] prompt = {0, 3, 20, 7, 91};
    try (KvCache cache = new KvCache(model.kvGeometry(), 1);
        KvSequence sequence = cache.reserve(prompt.length);
        ForwardPass forward = new ForwardPass(model, prompt.length);
        Arena arena = Arena.ofConfined()) {
      MemorySegment logits = arena.allocate(vocab * 4L, 64);
      TokenBatch batch = new TokenBatch(prompt.length);
      batch.add(sequence, prompt, 0, prompt.length, 0);
      forward.embed(batch);
      forward.layers(batch, 0, model.config().layers());
      forward.logits(prompt.length - 1, 1, logits);
      return logits.toArray(ValueLayout.JAVA_INT);
    }
  }
}
