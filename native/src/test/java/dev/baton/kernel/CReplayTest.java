package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.gguf.GgmlType;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The reference's operations replayed by {@code replay.c}: under the sanitizers on this machine,
 * and for the other architecture under its emulator. What is not installed is skipped, with the
 * reason.
 */
class CReplayTest {
  private static final long SEED = 20260731;

  private static final Path SOURCES = Path.of("src", "main", "c").toAbsolutePath();
  private static final Path DRIVER = Path.of("src", "test", "c", "replay.c").toAbsolutePath();

  /** Where the executables are kept, so that they are built again only when a source changes. */
  private static final Path BUILT = Path.of("target", "c-replay").toAbsolutePath();

  private static final List<String> SANITIZERS =
      List.of("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O0");

  @TempDir private static Path folder;

  private static Path cases;

  @BeforeAll
  static void recordCases() throws IOException {
    cases = folder.resolve("cases.bin");
    try (OutputStream file = new BufferedOutputStream(Files.newOutputStream(cases));
        Kernels recording = new RecordingKernels(file)) {
      for (GgmlType type : GgmlType.values()) {
        recordProducts(recording, type);
      }
      KvGeometry geometry = new KvGeometry(2, 2, 24);
      for (int cols : new int[] {1, 37, 288, 512}) {
        OperationCases.rmsNorm(recording, cols, 3, 2);
        OperationCases.swiglu(recording, cols, 3, 2);
        OperationCases.maxima(recording, cols, 3);
      }
      OperationCases.rope(recording, 3, 10, 4, 5, 3, 2);
      OperationCases.storeKv(recording, geometry, 62, 5, 4);
      OperationCases.copyKv(recording, geometry, 62, 5, KvWireType.F16, 3);
      for (int headDim : new int[] {32, 48, 64, 96, 128}) {
        for (int kvHeads : new int[] {1, 3}) {
          recordCopies(recording, new KvGeometry(2, kvHeads, headDim));
        }
      }
      recordCopies(recording, new KvGeometry(2, 8, 64));
      OperationCases.attention(recording, geometry, 3, 60, 9, 7);
      OperationCases.attention(recording, new KvGeometry(2, 1, 64), 4, 0, 3, 3);
      OperationCases.attention(recording, new KvGeometry(2, 2, 8), 3, 61, 33, 33);
      OperationCases.attention(recording, new KvGeometry(2, 1, 80), 1, 127, 5, 5);
      OperationCases.attention(recording, new KvGeometry(2, 1, 128), 5, 64, 4, 4);
      OperationCases.attention(recording, new KvGeometry(2, 1, 256), 2, 3, 2, 1);
      for (int seed = 0; seed < 4; seed++) {
        RaggedBatch.random(seed, 5).answer(recording, true);
      }
    }
  }

  private static void recordCopies(Kernels kernels, KvGeometry geometry) {
    for (KvWireType type : KvWireType.values()) {
      if (type.fits(geometry)) {
        OperationCases.copyKv(kernels, geometry, 3, 1, type, 1);
        OperationCases.copyKv(kernels, geometry, 17, 85, type, 0);
        OperationCases.importAnyBytes(kernels, geometry, 60, 7, type);
      }
    }
  }

  private static void recordProducts(Kernels kernels, GgmlType type) {
    int most = type.blockElements() == 1 ? 37 : 2 * type.blockElements();
    for (int rows : new int[] {1, 33}) {
      for (int tokens : new int[] {1, 2, 3, 4, 5, 7, 33}) {
        try (Arena arena = Arena.ofConfined()) {
          RandomTensors random = new RandomTensors(SEED + rows * 10L + tokens, arena);
          int cols = rows == 1 ? type.blockElements() : most;
          PackedMatrix w = kernels.pack(type, random.weights(type, rows, cols), rows, cols, arena);
          Activations x = kernels.activations(tokens, cols, Set.of(ActivationKind.of(type)), arena);
          x.f32().copyFrom(random.floats((long) tokens * cols));
          MemorySegment out = random.floats((long) tokens * rows);
          kernels.quantize(x, tokens);
          kernels.matmul(w, x, tokens, out, tokens % 2 == 0);
        }
      }
    }
  }

  private record Outcome(int code, String text) {}

  private static Outcome run(Map<String, String> environment, List<String> command)
      throws Exception {
    Path log = Files.createTempFile(folder, "log", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    builder.environment().putAll(environment);
    try {
      int code = builder.start().waitFor();
      return new Outcome(code, Files.readString(log));
    } catch (IOException e) {
      return new Outcome(127, String.valueOf(e.getMessage()));
    }
  }

  private static void assumeRuns(String reason, String... command) throws Exception {
    assumeTrue(run(Map.of(), List.of(command)).code() == 0, reason);
  }

  private static Path build(String name, String cc, List<String> flags) throws Exception {
    Path executable = BUILT.resolve(name);
    List<String> command = new ArrayList<>();
    command.addAll(
        List.of("sh", SOURCES.resolve("build.sh").toString(), "--driver", DRIVER.toString()));
    command.add(executable.toString());
    command.addAll(flags);
    Outcome outcome = run(Map.of("CC", cc), command);
    assertEquals(0, outcome.code(), outcome.text());
    return executable;
  }

  private static void assertReplays(List<String> command, String level) throws Exception {
    List<String> whole = new ArrayList<>(command);
    whole.add(cases.toString());
    Outcome outcome = run(Map.of(), whole);
    assertEquals(0, outcome.code(), outcome.text());
    assertTrue(outcome.text().contains(level), outcome.text());
  }

  @Test
  void shouldPassTheSanitizersAtEveryLevelOfThisMachine() throws Exception {
    Path program = folder.resolve("empty.c");
    Files.writeString(program, "int main(void) { return 0; }\n");
    String out = folder.resolve("empty").toString();
    List<String> compile = new ArrayList<>(List.of("cc", program.toString(), "-o", out));
    compile.addAll(SANITIZERS);
    assumeRuns("no C compiler with sanitizers", compile.toArray(String[]::new));

    assertReplays(List.of(build("replay-sanitized", "cc", SANITIZERS).toString()), "scalar");
  }

  @Test
  void shouldGiveTheSameBitsOnAarch64WithAndWithoutDotProducts() throws Exception {
    assumeRuns("no aarch64 compiler (gcc-aarch64-linux-gnu)", "aarch64-linux-gnu-gcc", "--version");
    assumeRuns("no aarch64 emulator (qemu-user)", "qemu-aarch64", "--version");

    String program =
        build("replay-aarch64", "aarch64-linux-gnu-gcc", List.of("-static", "-O1")).toString();
    assertReplays(List.of("qemu-aarch64", "-cpu", "max", program), "neon");
    assertReplays(List.of("qemu-aarch64", "-cpu", "cortex-a57", program), "neon");
  }
}
