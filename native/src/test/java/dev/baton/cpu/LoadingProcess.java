package dev.baton.cpu;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.NativeKernels;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.TokenBatch;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.DoubleConsumer;

/**
 * Loads a model through a cache, in a process of its own, and prints: how its weights came, the
 * hash of its logits, and its notice.
 */
final class LoadingProcess {
  private static final long SLOW_NS = 250_000_000;

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
    List<String> options = List.of(args).subList(2, args.length);
    WeightFile.Access access =
        options.contains("read")
            ? WeightFile.Access.READ
            : options.contains("mapped") ? WeightFile.Access.MAPPED : WeightFile.Access.BEST;
    WeightCache cache = new WeightCache(Path.of(args[1]), 1_000_000_000L, access);
    DoubleConsumer progress =
        options.contains("stop") ? stopAt(0.8) : options.contains("slow") ? slowed() : _ -> {};
    AnonymousMemory anonymous = options.contains("anonymous") ? AnonymousMemory.watch() : null;
    try (Kernels kernels = NativeKernels.open(KernelsConfig.defaults());
        CpuModel model = CpuModel.load(Path.of(args[0]), kernels, cache, progress)) {
      if (anonymous != null) {
        System.out.println(anonymous.mostGrownBytes());
        return;
      }
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

  /** Says that it has begun, and takes its time for each matrix. */
  private static DoubleConsumer slowed() {
    AtomicBoolean begun = new AtomicBoolean();
    return _ -> {
      if (!begun.getAndSet(true)) {
        System.out.println("writing");
      }
      LockSupport.parkNanos(SLOW_NS);
    };
  }

  /** How much memory of no file the process gains, looked at all the time by a thread. */
  private static final class AnonymousMemory {
    private static final byte[] KEY = "RssAnon:".getBytes(UTF_8);

    private final byte[] status = new byte[8192]; // garbage would be memory as well
    private final long before = now();
    private volatile long most;
    private volatile boolean ended;

    static AnonymousMemory watch() {
      AnonymousMemory memory = new AnonymousMemory();
      Thread.ofPlatform().daemon().start(memory::look);
      return memory;
    }

    private void look() {
      while (!ended) {
        most = Math.max(most, now());
        LockSupport.parkNanos(1_000_000);
      }
    }

    long mostGrownBytes() {
      ended = true;
      return most - before;
    }

    private long now() {
      int length;
      try (InputStream in = new FileInputStream("/proc/self/status")) {
        length = in.read(status);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      int at = 0;
      while (!Arrays.equals(status, at, at + KEY.length, KEY, 0, KEY.length)) {
        at++;
      }
      long kilobytes = 0;
      for (at += KEY.length; at < length && status[at] != 'k'; at++) {
        if (status[at] >= '0') {
          kilobytes = 10 * kilobytes + status[at] - '0';
        }
      }
      return kilobytes << 10;
    }
  }

  /** Logits behind a short prompt, bit for bit. */
  static int[] logits(CpuModel model) {
    int vocab = model.shape().vocab();
    int[] prompt = {0, 3, 20, 7, 91};
    try (KvPool cache = new KvPool(model.kvGeometry(), 1);
        KvSequence sequence = cache.reserve(prompt.length);
        CpuPass forward = new CpuPass(model, prompt.length);
        Arena arena = Arena.ofConfined()) {
      MemorySegment logits = arena.allocate(vocab * 4L, 64);
      TokenBatch batch = new TokenBatch(prompt.length);
      batch.add(sequence, prompt, 0, prompt.length, 0);
      forward.embed(batch);
      forward.layers(batch, 0, model.shape().layers());
      forward.logits(prompt.length - 1, 1, logits);
      return logits.toArray(ValueLayout.JAVA_INT);
    }
  }
}
