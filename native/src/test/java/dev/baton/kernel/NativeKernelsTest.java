package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.gguf.GgmlType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Opening, closing and sharing the C kernels and their threads. */
@Timeout(60)
class NativeKernelsTest {
  private static final int ROWS = 300;
  private static final int COLS = 256;
  private static final int TOKENS = 3;

  @BeforeAll
  static void requireNativeKernels() {
    assumeTrue(
        NativeKernels.whyMissing().isEmpty(), () -> NativeKernels.whyMissing().orElseThrow());
  }

  private static NativeKernels open(int threads) {
    return NativeKernels.open(KernelsConfig.defaults().withThreads(threads));
  }

  /** A product to do over and over, with its right answer. */
  private record Product(PackedMatrix w, Activations x, MemorySegment out, MemorySegment expected) {
    static Product of(Kernels kernels, long seed, Arena arena) {
      RandomTensors random = new RandomTensors(seed, arena);
      MemorySegment raw = random.weights(GgmlType.Q8_0, ROWS, COLS);
      MemorySegment floats = random.floats(TOKENS * COLS);
      MemorySegment expected = run(new ReferenceKernels(), raw, floats, arena).out();
      Product product = run(kernels, raw, floats, arena);
      return new Product(product.w, product.x, product.out, expected);
    }

    private static Product run(
        Kernels kernels, MemorySegment raw, MemorySegment floats, Arena arena) {
      PackedMatrix w = kernels.pack(GgmlType.Q8_0, raw, ROWS, COLS, arena);
      Activations x = kernels.activations(TOKENS, COLS, Set.of(ActivationKind.Q8_32), arena);
      x.f32().copyFrom(floats);
      kernels.quantize(x, TOKENS);
      MemorySegment out = arena.allocate((long) TOKENS * ROWS * Float.BYTES, 64);
      kernels.matmul(w, x, TOKENS, out, false);
      return new Product(w, x, out, out);
    }

    boolean isRight(Kernels kernels) {
      out.fill((byte) 0x55);
      kernels.matmul(w, x, TOKENS, out, false);
      return out.mismatch(expected) < 0;
    }
  }

  @Test
  void shouldChooseTheFastestLevelAndSaySo() {
    try (Kernels kernels = open(2)) {
      assertEquals(NativeKernels.levels().getFirst(), kernels.isa());
      assertEquals("native " + kernels.isa() + " x2", kernels.description());
      assertEquals(2, kernels.threads());
    }
  }

  @Test
  void shouldNameTheLevelsThereAreWhereAnUnknownOneIsAskedFor() {
    KernelsConfig config = KernelsConfig.fromEnvironment(Map.of("BATON_CPU_ISA", "avx1024"));
    var e = assertThrows(IllegalArgumentException.class, () -> KernelChoice.open(config));
    assertEquals(
        "BATON_CPU_ISA=avx1024 is no level of this machine; it has "
            + String.join(", ", NativeKernels.levels())
            + " and java",
        e.getMessage());
  }

  @Test
  void shouldGiveTheReferenceWhereJavaIsAskedForAndTheLevelThatIsNamed() {
    KernelChoice java =
        KernelChoice.open(KernelsConfig.fromEnvironment(Map.of("BATON_CPU_ISA", "java")));
    assertInstanceOf(ReferenceKernels.class, java.kernels());
    assertNull(java.whyNotNative());

    try (Kernels scalar = KernelChoice.open(KernelsConfig.defaults().withIsa("scalar")).kernels()) {
      assertEquals("scalar", scalar.isa());
    }
  }

  @Test
  void shouldRefuseThreadCountsThatMakeNoSense() {
    assertThrows(IllegalArgumentException.class, () -> KernelsConfig.defaults().withThreads(0));
    assertThrows(
        IllegalArgumentException.class, () -> KernelsConfig.defaults().withThreads(100_000));
  }

  @Test
  void shouldCloseTwiceAndRefuseWorkAfterwards() {
    try (Arena arena = Arena.ofConfined()) {
      Kernels kernels = open(2);
      Product product = Product.of(kernels, 1, arena);
      kernels.close();
      kernels.close();
      assertThrows(IllegalStateException.class, () -> product.isRight(kernels));
    }
  }

  @Test
  void shouldRefuseMemoryWhoseArenaIsClosed() {
    try (Kernels kernels = open(2)) {
      Product product;
      try (Arena arena = Arena.ofShared()) {
        product = Product.of(kernels, 1, arena);
      }
      assertThrows(
          IllegalStateException.class,
          () -> kernels.matmul(product.w, product.x, 1, product.out, false));
    }
  }

  @Test
  void shouldServeManyCallersAtOnce() throws Exception {
    int callers = 4;
    try (Kernels kernels = open(3);
        Arena arena = Arena.ofShared();
        ExecutorService executor = Executors.newFixedThreadPool(callers)) {
      List<Callable<Boolean>> tasks = new ArrayList<>();
      for (int caller = 0; caller < callers; caller++) {
        Product product = Product.of(kernels, caller, arena);
        tasks.add(() -> {
          boolean right = true;
          for (int i = 0; i < 2000; i++) {
            right &= product.isRight(kernels);
          }
          return right;
        });
      }
      for (Future<Boolean> task : executor.invokeAll(tasks)) {
        assertTrue(task.get());
      }
    }
  }

  @Test
  void shouldStayRightWithManyMoreThreadsThanProcessors() {
    try (Kernels kernels = open(8 * Runtime.getRuntime().availableProcessors());
        Arena arena = Arena.ofConfined()) {
      Product product = Product.of(kernels, 1, arena);
      for (int i = 0; i < 1000; i++) {
        assertTrue(product.isRight(kernels), "call " + i);
      }
    }
  }

  @Test
  void shouldBurnNoTimeWhenIdleAndLeaveNoThreadBehind() throws Exception {
    assumeTrue(
        Files.isDirectory(Path.of("/proc/self/task")),
        "no /proc to count threads and their time in");
    try (Kernels kernels = open(4);
        Arena arena = Arena.ofConfined()) {
      assertTrue(Product.of(kernels, 1, arena).isRight(kernels));
      Thread.sleep(50); // longer than threads spin
      assertEquals(3, kernelThreadTicks().size());
      List<Long> before = kernelThreadTicks();
      Thread.sleep(300);
      assertEquals(before, kernelThreadTicks());
    }
    assertEquals(List.of(), kernelThreadTicks());
  }

  /** Processor time of each thread of a pool, in the system's ticks. */
  private static List<Long> kernelThreadTicks() throws IOException {
    List<Long> ticks = new ArrayList<>();
    try (Stream<Path> threads = Files.list(Path.of("/proc/self/task"))) {
      for (Path thread : threads.sorted().toList()) {
        String stat = Files.readString(thread.resolve("stat"));
        if (stat.contains("(baton-")) {
          String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
          ticks.add(Long.parseLong(fields[11]) + Long.parseLong(fields[12]));
        }
      }
    }
    return ticks;
  }
}
