package dev.baton.gguf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufFileTest {
  @TempDir Path folder;

  @Test
  void shouldReadBackEveryMetadataTypeThatTheWriterWrites() throws IOException {
    GgufWriter writer =
        new GgufWriter()
            .integer("u8", GgufValueType.UINT8, 255)
            .integer("i8", GgufValueType.INT8, -128)
            .integer("u16", GgufValueType.UINT16, 65_535)
            .integer("i16", GgufValueType.INT16, -32_768)
            .integer("u32", 4_294_967_295L)
            .integer("i32", GgufValueType.INT32, Integer.MIN_VALUE)
            .integer("u64", GgufValueType.UINT64, Long.MAX_VALUE)
            .integer("i64", GgufValueType.INT64, Long.MIN_VALUE)
            .real("f32", 1e-5f)
            .real64("f64", Math.PI)
            .bool("yes", true)
            .bool("no", false)
            .string("text", "h\u00e9llo \uD83E\uDD8A")
            .string("empty", "");
    try (GgufFile file = written(writer)) {
      GgufMetadata metadata = file.metadata();
      assertEquals(255, metadata.integer("u8"));
      assertEquals(-128, metadata.integer("i8"));
      assertEquals(65_535, metadata.integer("u16"));
      assertEquals(-32_768, metadata.integer("i16"));
      assertEquals(4_294_967_295L, metadata.integer("u32"));
      assertEquals(Integer.MIN_VALUE, metadata.integer("i32"));
      assertEquals(Long.MAX_VALUE, metadata.integer("u64"));
      assertEquals(Long.MIN_VALUE, metadata.integer("i64"));
      assertEquals((double) 1e-5f, metadata.real("f32"));
      assertEquals(Math.PI, metadata.real("f64"));
      assertTrue(metadata.bool("yes"));
      assertFalse(metadata.bool("no"));
      assertEquals("h\u00e9llo \uD83E\uDD8A", metadata.string("text"));
      assertEquals("", metadata.string("empty"));
      assertEquals(14, metadata.keys().size());
      assertEquals("u8", metadata.keys().getFirst());
    }
  }

  @Test
  void shouldReadBackEveryArrayTypeThatTheWriterWrites() throws IOException {
    GgufWriter writer =
        new GgufWriter()
            .integers("u8s", GgufValueType.UINT8, 0, 255)
            .integers("i8s", GgufValueType.INT8, -1)
            .integers("u16s", GgufValueType.UINT16, 65_535)
            .integers("i16s", GgufValueType.INT16, -2)
            .integers("u32s", GgufValueType.UINT32, 7, 8, 9)
            .integers("i32s", GgufValueType.INT32, -3)
            .integers("u64s", GgufValueType.UINT64, 4)
            .integers("i64s", GgufValueType.INT64, -5)
            .reals("f32s", 0.5f, -1e-30f)
            .reals64("f64s", 0.25)
            .bools("bools", true, false)
            .strings("strings", List.of("", "a", "\u0120the"))
            .integers("none", GgufValueType.INT32);
    try (GgufFile file = written(writer)) {
      GgufMetadata metadata = file.metadata();
      assertArrayEquals(new int[] {0, 255}, metadata.ints("u8s"));
      assertArrayEquals(new int[] {-1}, metadata.ints("i8s"));
      assertArrayEquals(new int[] {65_535}, metadata.ints("u16s"));
      assertArrayEquals(new int[] {-2}, metadata.ints("i16s"));
      assertArrayEquals(new int[] {7, 8, 9}, metadata.ints("u32s"));
      assertArrayEquals(new int[] {-3}, metadata.ints("i32s"));
      assertArrayEquals(new int[] {4}, metadata.ints("u64s"));
      assertArrayEquals(new int[] {-5}, metadata.ints("i64s"));
      assertArrayEquals(new float[] {0.5f, -1e-30f}, metadata.floats("f32s"));
      assertArrayEquals(new float[] {0.25f}, metadata.floats("f64s"));
      assertEquals(List.of("", "a", "\u0120the"), metadata.strings("strings"));
      assertEquals(0, metadata.ints("none").length);
      assertEquals(3, metadata.arrayLength("strings"));
      assertTrue(metadata.isArray("bools"));
      assertEquals("[true, false]", metadata.display("bools"));
      assertEquals("['', 'a', '\u0120the']", metadata.display("strings"));
    }
  }

  @Test
  void shouldShowLongValuesCutShortAndOnOneLine() throws IOException {
    GgufWriter writer =
        new GgufWriter()
            .string("template", "{%\n".repeat(1000))
            .integers("many", GgufValueType.INT32, new long[100])
            .integer("huge", GgufValueType.UINT64, -1)
            .real("eps", 1e-5f);
    try (GgufFile file = written(writer)) {
      String template = file.metadata().display("template");
      assertTrue(
          template.length() < 1000 && !template.contains("\n") && template.endsWith("..."),
          template);
      assertEquals("[0, 0, 0, 0, 0, 0, 0, 0, ... 100 in all]", file.metadata().display("many"));
      assertEquals("18446744073709551615", file.metadata().display("huge"));
      assertEquals("1.0E-5", file.metadata().display("eps"));
      assertEquals("array of INT32", file.metadata().typeName("many"));
    }
  }

  @Test
  void shouldNameKeyWantedAndFoundTypeWhereAGetterDoesNotFit() throws IOException {
    GgufWriter writer =
        new GgufWriter()
            .string("name", "x")
            .integer("count", 3)
            .integer("huge", GgufValueType.UINT64, -1)
            .integers("wide", GgufValueType.INT64, 1L << 40)
            .strings("words", List.of("a"));
    try (GgufFile file = written(writer)) {
      GgufMetadata metadata = file.metadata();
      assertRefused(
          () -> metadata.integer("name"), "'name'", "wanted a whole number", "found STRING");
      assertRefused(
          () -> metadata.integer("name", 1), "'name'", "wanted a whole number", "found STRING");
      assertRefused(() -> metadata.string("count"), "'count'", "wanted a string", "found UINT32");
      assertRefused(
          () -> metadata.real("count"),
          "'count'",
          "wanted a floating-point number",
          "found UINT32");
      assertRefused(
          () -> metadata.bool("count"), "'count'", "wanted a truth value", "found UINT32");
      assertRefused(
          () -> metadata.string("words"), "'words'", "wanted a string", "found array of STRING");
      assertRefused(() -> metadata.ints("words"), "'words'", "wanted an array of whole numbers");
      assertRefused(
          () -> metadata.floats("words"), "'words'", "wanted an array of floating-point numbers");
      assertRefused(
          () -> metadata.strings("wide"), "'wide'", "wanted an array of strings", "array of INT64");
      assertRefused(() -> metadata.ints("wide"), "'wide'", "does not fit 32 bits");
      assertRefused(
          () -> metadata.strings("name"), "'name'", "wanted an array of strings", "found STRING");
      assertRefused(() -> metadata.integer("huge"), "'huge'", "does not fit");
      assertRefused(() -> metadata.string("absent"), "'absent'", "is missing", "wanted a string");
      assertEquals("fallback", metadata.string("absent", "fallback"));
      assertEquals(5, metadata.integer("absent", 5));
      assertEquals(0.5, metadata.real("absent", 0.5));
      assertTrue(metadata.bool("absent", true));
    }
  }

  @Test
  void shouldReadTensorsInFileOrderWithTheirBytes() throws IOException {
    byte[] q8 = new byte[34 * 6];
    for (int i = 0; i < q8.length; i++) {
      q8[i] = (byte) i;
    }
    GgufWriter writer =
        new GgufWriter()
            .tensor(
                "norm",
                GgmlType.F32,
                new long[] {3},
                MemorySegment.ofArray(new float[] {1, -2, 3.5f}))
            .tensor("w", GgmlType.Q8_0, new long[] {64, 3}, MemorySegment.ofArray(q8))
            .tensor(
                "half",
                GgmlType.F16,
                new long[] {2},
                MemorySegment.ofArray(new short[] {0x3C00, 0x0001}))
            .tensor(
                "brain",
                GgmlType.BF16,
                new long[] {1, 2},
                MemorySegment.ofArray(new short[] {0x3F80, (short) 0xC000}));
    try (GgufFile file = written(writer)) {
      assertEquals(3, file.version());
      assertEquals(
          List.of("norm", "w", "half", "brain"),
          file.tensors().stream().map(GgufTensor::name).toList());
      GgufTensor w = file.tensor("w");
      assertEquals(64, w.cols());
      assertEquals(3, w.rows());
      assertEquals("[64, 3]", w.shape());
      assertEquals(0, w.offset() % 32);
      assertArrayEquals(q8, file.data(w).toArray(ValueLayout.JAVA_BYTE));
      assertArrayEquals(
          new float[] {1, -2, 3.5f},
          file.data(file.tensor("norm")).toArray(ValueLayout.JAVA_FLOAT));
      assertArrayEquals(
          new short[] {0x3C00, 0x0001},
          file.data(file.tensor("half")).toArray(ValueLayout.JAVA_SHORT));
      assertArrayEquals(
          new short[] {0x3F80, (short) 0xC000},
          file.data(file.tensor("brain")).toArray(ValueLayout.JAVA_SHORT));
      assertRefused(() -> file.tensor("output.weight"), "'output.weight'", "is missing");
      assertTrue(file.find("output.weight").isEmpty());
      assertThrows(
          IllegalArgumentException.class,
          () -> file.data(w).set(ValueLayout.JAVA_BYTE, 0, (byte) 0));
    }
  }

  @Test
  void shouldReadVersion2AndAFileThatHoldsAVocabularyOnly() throws IOException {
    Path path = folder.resolve("vocab.gguf");
    Files.write(path, RawGguf.header(2, 0, 1).entry("a", 1).bytes());
    try (GgufFile file = GgufFile.open(path)) {
      assertEquals(2, file.version());
      assertTrue(file.tensors().isEmpty());
      assertEquals(1, file.metadata().integer("a"));
      assertEquals(32, file.fingerprint().length());
      assertRefused(() -> file.tensor("w"), "'w'", "vocabulary only");
    }
  }

  @Test
  void shouldPlaceTensorsAtTheAlignmentThatTheFileNames() throws IOException {
    RawGguf raw =
        RawGguf.header(3, 1, 1).entry("general.alignment", 256).tensor("w", GgmlType.F32, 0, 1);
    byte[] head = raw.bytes();
    byte[] all = Arrays.copyOf(head, 256 + 4);
    all[256] = 42;
    Path path = Files.write(folder.resolve("aligned.gguf"), all);
    try (GgufFile file = GgufFile.open(path)) {
      assertEquals(256, file.tensor("w").offset());
      assertEquals(42, file.data(file.tensor("w")).get(ValueLayout.JAVA_BYTE, 0));
    }
  }

  @Test
  void shouldCloseTwiceAndSaySoWhenUsedAfterwards() throws IOException {
    GgufFile file =
        written(
            new GgufWriter()
                .strings("words", List.of("a"))
                .integer("count", 1)
                .tensor("w", GgmlType.F32, new long[] {1}, MemorySegment.ofArray(new float[1])));
    GgufTensor w = file.tensor("w");
    file.close();
    file.close();
    for (Runnable use :
        List.<Runnable>of(
            () -> file.data(w), file::fingerprint, () -> file.metadata().strings("words"))) {
      IllegalStateException e = assertThrows(IllegalStateException.class, use::run);
      assertTrue(e.toString().contains("is closed"), e.getMessage());
    }
    assertEquals(1, file.metadata().integer("count"));
  }

  @Test
  void shouldFingerprintHeadLengthAndTheEndsOfEveryTensor() throws IOException {
    Path path = folder.resolve("a.gguf");
    new GgufWriter()
        .integer("count", 1)
        .tensor("w", GgmlType.F32, new long[] {8192}, MemorySegment.ofArray(new float[8192]))
        .tensor("v", GgmlType.F32, new long[] {8}, MemorySegment.ofArray(new float[8]))
        .write(path);
    String original;
    long start;
    try (GgufFile file = GgufFile.open(path)) {
      original = file.fingerprint();
      start = file.tensor("w").offset();
    }
    assertTrue(original.matches("[0-9a-f]{32}"), original);
    assertEquals(
        original,
        fingerprintWith(path, start + 16_000, 1),
        "the middle of a tensor is not sampled");
    assertNotEquals(original, fingerprintWith(path, start, 1));
    assertNotEquals(original, fingerprintWith(path, start + 32_767, 1));
    assertNotEquals(original, fingerprintWith(path, start + 32_768 + 31, 1));
    assertNotEquals(original, fingerprintWith(path, start + 32_768 + 32, 1), "an appended byte");
  }

  /** The fingerprint of a copy of {@code path} with one byte at {@code at} set. */
  private String fingerprintWith(Path path, long at, int value) throws IOException {
    Path copy = Files.copy(path, folder.resolve("copy-" + at + ".gguf"));
    try (RandomAccessFile out = new RandomAccessFile(copy.toFile(), "rw")) {
      out.seek(at);
      out.write(value);
    }
    try (GgufFile file = GgufFile.open(copy)) {
      return file.fingerprint();
    }
  }

  @Test
  void shouldRefuseAWriterThatBringsTooFewBytes() {
    GgufWriter writer = new GgufWriter().tensor("w", GgmlType.F32, new long[] {2}, _ -> {});
    IOException e =
        assertThrows(IOException.class, () -> writer.write(folder.resolve("short.gguf")));
    assertTrue(e.toString().contains("w: its source is off by -8 bytes"), e.getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () ->
            writer.tensor("v", GgmlType.F32, new long[] {2}, MemorySegment.ofArray(new float[3])));
  }

  @Test
  void shouldParseAVocabularyOf150000WordsInAMoment() throws IOException {
    List<String> words = new ArrayList<>();
    List<String> merges = new ArrayList<>();
    for (int i = 0; i < 150_000; i++) {
      words.add("token" + i);
      merges.add("to ken" + i);
    }
    Path path = folder.resolve("vocab.gguf");
    new GgufWriter().strings("tokens", words).strings("merges", merges).write(path);
    long startNs = System.nanoTime();
    try (GgufFile file = GgufFile.open(path)) {
      long openMs = (System.nanoTime() - startNs) / 1_000_000;
      assertEquals(words, file.metadata().strings("tokens"));
      assertEquals(merges, file.metadata().strings("merges"));
      long allMs = (System.nanoTime() - startNs) / 1_000_000;
      // 300 ms is the bar on an idle machine; the test allows for a busy one.
      assertTrue(
          openMs < 1_000 && allMs < 3_000, "open " + openMs + " ms, with strings " + allMs + " ms");
    }
  }

  @Test
  void shouldReadTheModelThatBatonCarries() {
    try (GgufFile file =
        GgufFile.open(
            Checkout.find("engine/src/main/resources/dev/baton/catalog/baton-tiny-q8_0.gguf"))) {
      assertEquals("llama", file.metadata().string("general.architecture"));
      assertEquals(2048, file.metadata().strings("tokenizer.ggml.tokens").size());
      assertEquals("h e", file.metadata().strings("tokenizer.ggml.merges").getFirst());
      assertEquals(56, file.tensors().size());
      assertEquals("[256, 2048]", file.tensor("token_embd.weight").shape());
      GgufTensor last = file.tensors().getLast();
      assertEquals("output_norm.weight", last.name());
      assertEquals(5_648_704, last.offset() + last.byteSize());
    }
  }

  @Test
  void shouldReadAModelWhoseVocabularyComesFirst() {
    Path path = Checkout.find("shared/models/stories260K.gguf");
    Assumptions.assumeTrue(
        Files.exists(path), "shared/models/stories260K.gguf is not beside the checkout");
    try (GgufFile file = GgufFile.open(path)) {
      assertEquals(512, file.metadata().floats("tokenizer.ggml.scores").length);
      assertEquals(4_294_967_295L, file.metadata().integer("tokenizer.ggml.padding_token_id"));
      assertEquals("[64, 172]", file.tensor("blk.4.ffn_up.weight").shape());
    }
  }

  private GgufFile written(GgufWriter writer) throws IOException {
    Path path = folder.resolve("written.gguf");
    writer.write(path);
    return GgufFile.open(path);
  }

  private static void assertRefused(Runnable use, String... parts) {
    String message = assertThrows(GgufException.class, use::run).toString();
    for (String part : parts) {
      assertTrue(message.contains(part), () -> "wanted " + part + " in: " + message);
    }
  }
}
