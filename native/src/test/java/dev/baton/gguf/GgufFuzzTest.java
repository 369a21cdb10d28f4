package dev.baton.gguf;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class GgufFuzzTest {
  private static final int IN_MEMORY = 25_000;
  private static final int THROUGH_FILES = 500;
  private static final long SEED = 20_260_101;

  @TempDir Path folder;

  @Test
  @Timeout(60)
  void shouldLetNothingButAGgufExceptionOutOfMutatedFiles() throws IOException {
    byte[] sound = soundFile();
    SplittableRandom random = new SplittableRandom(SEED);
    int accepted = 0;
    int refused = 0;
    for (int i = 0; i < IN_MEMORY; i++) {
      byte[] mutated = mutate(sound, random);
      try {
        touchEverything(
            GgufParser.parse("fuzz.gguf", MemorySegment.ofArray(mutated), _ -> {}).metadata());
        accepted++;
      } catch (GgufException e) {
        refused++;
      } catch (RuntimeException | Error e) {
        fail("seed " + SEED + ", mutation " + i + ": " + e, e);
      }
    }
    assertTrue(accepted > IN_MEMORY / 50, "mutations that leave a sound file: " + accepted);
    assertTrue(refused > IN_MEMORY / 10, "mutations that are refused: " + refused);
  }

  @Test
  @Timeout(60)
  void shouldLetNothingButAGgufExceptionOutOfMutatedFilesOnDisk() throws IOException {
    byte[] sound = soundFile();
    SplittableRandom random = new SplittableRandom(SEED + 1);
    Path path = folder.resolve("fuzz.gguf");
    for (int i = 0; i < THROUGH_FILES; i++) {
      Files.write(path, mutate(sound, random));
      try (GgufFile file = GgufFile.open(path)) {
        touchEverything(file.metadata());
        file.fingerprint();
        for (GgufTensor tensor : file.tensors()) {
          assertTrue(file.data(tensor).byteSize() == tensor.byteSize());
        }
      } catch (GgufException e) {
        assertTrue(String.valueOf(e.getMessage()).startsWith(path.toString()), e.toString());
      }
    }
  }

  private byte[] soundFile() throws IOException {
    Path path = folder.resolve("sound.gguf");
    new GgufWriter()
        .string("general.architecture", "llama")
        .integer("general.alignment", 32)
        .integer("u8", GgufValueType.UINT8, 1)
        .integer("i64", GgufValueType.INT64, -1)
        .real("f32", 1)
        .real64("f64", 1)
        .bool("b", true)
        .strings("tokens", List.of("<s>", "", "a", "bc", "\u00e9"))
        .integers("types", GgufValueType.INT32, 3, 1, 1, 1, 1)
        .reals("scores", 0, -1, -2, -3, -4)
        .bools("flags", true, false)
        .tensor(
            "token_embd.weight",
            GgmlType.Q8_0,
            new long[] {32, 5},
            MemorySegment.ofArray(new byte[34 * 5]))
        .tensor(
            "output_norm.weight",
            GgmlType.F32,
            new long[] {32},
            MemorySegment.ofArray(new float[32]))
        .tensor("w", GgmlType.F16, new long[] {2, 2, 2, 2}, MemorySegment.ofArray(new short[16]))
        .write(path);
    return Files.readAllBytes(path);
  }

  /** One to four bit flips, edge values, cuts or splices, most of them in the head. */
  private static byte[] mutate(byte[] sound, SplittableRandom random) {
    byte[] bytes = sound.clone();
    int times = 1 + random.nextInt(4);
    for (int i = 0; i < times && bytes.length > 0; i++) {
      int at = random.nextInt(Math.min(bytes.length, random.nextInt(10) == 0 ? bytes.length : 600));
      switch (random.nextInt(6)) {
        case 0, 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> bytes[at] = (byte) random.nextInt(256);
        case 3 ->
            Arrays.fill(
                bytes, at, Math.min(bytes.length, at + 1 + random.nextInt(8)), edge(random));
        case 4 -> bytes = random.nextInt(4) == 0 ? Arrays.copyOf(bytes, at) : bytes;
        default -> splice(bytes, at, random);
      }
    }
    return bytes;
  }

  private static byte edge(SplittableRandom random) {
    return (byte) new int[] {0, 1, 0x7F, 0x80, 0xFF}[random.nextInt(5)];
  }

  private static void splice(byte[] bytes, int at, SplittableRandom random) {
    int from = random.nextInt(bytes.length);
    int length = Math.min(1 + random.nextInt(32), bytes.length - Math.max(at, from));
    System.arraycopy(bytes, from, bytes, at, length);
  }

  /** Decodes every value through each getter that may fit it. */
  private static void touchEverything(GgufMetadata metadata) {
    for (String key : metadata.keys()) {
      metadata.display(key);
      metadata.typeName(key);
      for (Runnable getter :
          List.<Runnable>of(
              () -> metadata.string(key),
              () -> metadata.integer(key),
              () -> metadata.real(key),
              () -> metadata.bool(key),
              () -> metadata.strings(key),
              () -> metadata.ints(key),
              () -> metadata.floats(key))) {
        try {
          getter.run();
        } catch (GgufException e) {
          assertTrue(String.valueOf(e.getMessage()).contains("fuzz.gguf: metadata "), e.toString());
        }
      }
    }
  }
}
