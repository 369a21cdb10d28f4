package dev.baton.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufIdentityTest {
  @TempDir Path folder;

  private Path tiny() {
    return Checkout.find("engine/src/main/resources/dev/baton/catalog/baton-tiny-q8_0.gguf");
  }

  private static GgufIdentity identity(Path... paths) {
    List<GgufFile> files = Arrays.stream(paths).map(GgufFile::open).toList();
    try {
      return GgufIdentity.of(files, "token_embd.weight", new AtomicBoolean());
    } finally {
      files.forEach(GgufFile::close);
    }
  }

  @Test
  void shouldNameTheTensorInWhichOneBitDiffers() throws IOException {
    GgufIdentity original = identity(tiny());
    List<GgufTensor> tensors;
    try (GgufFile file = GgufFile.open(tiny())) {
      tensors = file.tensors();
    }
    for (int i = 0; i < tensors.size(); i += 7) {
      GgufTensor tensor = tensors.get(i);
      Path copy =
          flipped("copy.gguf", tensor.offset() + tensor.byteSize() / 3, 1 << (i % Byte.SIZE));
      GgufIdentity changed = identity(copy);
      assertNotEquals(original.root(), changed.root());
      assertEquals(
          "tensor '" + tensor.name() + "'",
          original.firstDifference(changed).orElseThrow().title());
    }
    Path same = Files.copy(tiny(), folder.resolve("same.gguf"));
    assertEquals(original.root(), identity(same).root());
    assertTrue(original.firstDifference(identity(same)).isEmpty());
  }

  @Test
  void shouldNameTheKeyInWhichOneBitDiffers() throws IOException {
    byte[] bytes = Files.readAllBytes(tiny());
    GgufIdentity original = identity(tiny());
    for (String text : List.of("once", "tokenizer.ggml.pre", "llama")) {
      int at = new String(bytes, StandardCharsets.ISO_8859_1).lastIndexOf(text);
      assertTrue(at > 0, text);
      GgufIdentity changed = identity(flipped("copy.gguf", at + 1, 1));
      String named = original.firstDifference(changed).orElseThrow().title();
      assertTrue(named.startsWith("metadata '"), named);
    }
  }

  private Path flipped(String name, long at, int bit) throws IOException {
    Path copy = folder.resolve(name);
    Files.copy(tiny(), copy, StandardCopyOption.REPLACE_EXISTING);
    try (RandomAccessFile file = new RandomAccessFile(copy.toFile(), "rw")) {
      file.seek(at);
      int value = file.read();
      file.seek(at);
      file.write(value ^ bit);
    }
    return copy;
  }

  private static MemorySegment floats(int seed) {
    float[] values = new float[64];
    for (int i = 0; i < values.length; i++) {
      values[i] = i * seed;
    }
    return MemorySegment.ofArray(values);
  }

  private static GgufWriter tensor(GgufWriter writer, String name, int seed) {
    return writer.tensor(name, GgmlType.F32, new long[] {16, 4}, floats(seed));
  }

  private Path write(GgufWriter writer, String name) throws IOException {
    Path path = folder.resolve(name);
    writer.write(path);
    return path;
  }

  private static GgufWriter part(int number) {
    return new GgufWriter()
        .integer("split.no", GgufValueType.UINT16, number)
        .integer("split.count", GgufValueType.UINT16, 2);
  }

  @Test
  void shouldHaveOneRootHoweverAModelIsCutAndOrdered() throws IOException {
    GgufWriter whole = new GgufWriter().string("name", "x").integer("count", 3);
    Path one = write(tensor(tensor(tensor(whole, "a", 1), "b", 2), "c", 3), "one.gguf");
    GgufWriter first = part(0).integer("count", 3).integer("general.alignment", 64);
    Path head = write(tensor(first.string("name", "x"), "c", 3), "first.gguf");
    Path tail = write(tensor(tensor(part(1), "b", 2), "a", 1), "second.gguf");
    assertEquals(identity(one).root(), identity(head, tail).root());
    assertEquals(identity(one).root(), identity(tail, head).root());
    assertEquals("tensor 'a'", identity(one).firstDifference(identity(head)).orElseThrow().title());
    assertEquals("tensor 'a'", identity(head).firstDifference(identity(one)).orElseThrow().title());

    Path other = write(tensor(part(1), "c", 3), "other.gguf");
    GgufException twice = assertThrows(GgufException.class, () -> identity(head, other));
    assertTrue(String.valueOf(twice.getMessage()).contains("tensor 'c'"), twice.getMessage());
    Path unlike = write(tensor(part(1).string("name", "y"), "b", 2), "unlike.gguf");
    GgufException two = assertThrows(GgufException.class, () -> identity(head, unlike));
    assertTrue(String.valueOf(two.getMessage()).contains("metadata 'name'"), two.getMessage());
  }

  @Test
  void shouldCountTypeAndShapeAndTellAKeyFromATensor() throws IOException {
    MemorySegment data = floats(1);
    GgufWriter wide = new GgufWriter().tensor("a", GgmlType.F32, new long[] {16, 4}, data);
    GgufWriter tall = new GgufWriter().tensor("a", GgmlType.F32, new long[] {4, 16}, data);
    GgufWriter half = new GgufWriter().tensor("a", GgmlType.F16, new long[] {32, 4}, data);
    String root = identity(write(wide, "wide.gguf")).root();
    assertNotEquals(root, identity(write(tall, "tall.gguf")).root());
    assertNotEquals(root, identity(write(half, "half.gguf")).root());
    GgufWriter real = new GgufWriter().real("k", 1);
    GgufWriter whole = new GgufWriter().integer("k", 1);
    assertEquals(
        "metadata 'k'",
        identity(write(real, "real.gguf"))
            .firstDifference(identity(write(whole, "whole.gguf")))
            .orElseThrow()
            .title());
  }

  @Test
  void shouldSumTheRowsOfTheTensorThatIsAskedFor() {
    int[] sums = identity(tiny()).rowSums().sums();
    try (GgufFile file = GgufFile.open(tiny())) {
      GgufTensor tensor = file.tensor("token_embd.weight");
      assertEquals(tensor.rows(), sums.length);
      long rowBytes = tensor.byteSize() / tensor.rows();
      for (int row = 0; row < sums.length; row += 97) {
        CRC32C crc = new CRC32C();
        crc.update(file.data(tensor).asSlice(row * rowBytes, rowBytes).asByteBuffer());
        assertEquals((int) crc.getValue(), sums[row]);
      }
      assertEquals(0, GgufIdentity.of(file).rowSums().sums().length);
    }
  }
}
