package dev.baton.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class GgufHostileFileTest {
  private static final int STRING = GgufValueType.STRING.id();
  private static final int ARRAY = GgufValueType.ARRAY.id();
  private static final int INT8 = GgufValueType.INT8.id();

  @TempDir Path folder;

  @ParameterizedTest(name = "{0}")
  @MethodSource({"strangers", "headers", "metadata", "tensors"})
  void shouldRefuseNamingTheFieldAtFault(String what, byte[] bytes, String wanted)
      throws IOException {
    Path path = Files.write(folder.resolve("model.gguf"), bytes);
    String message = refusal(path);
    assertTrue(
        message.contains("model.gguf: "), () -> what + " without the file's name: " + message);
    assertTrue(message.contains(wanted), () -> what + ": wanted \"" + wanted + "\" in: " + message);
    assertFalse(message.contains("\n"), message);
  }

  static Stream<Arguments> strangers() {
    return Stream.of(
        arguments("empty file", new byte[0], "the file is empty; download it again"),
        arguments("three bytes", ascii("GGU"), "not a GGUF file (magic)"),
        arguments("web page", ascii("<!DOCTYPE html><html>"), "looks like a web page"),
        arguments(
            "web page after a blank line", ascii("\n<html lang=en>"), "looks like a web page"),
        arguments(
            "git-lfs pointer",
            ascii("version https://git-lfs.github.com/spec/v1\n"),
            "git lfs pull"),
        arguments(
            "safetensors",
            new RawGguf().u64(300).ascii("{\"__metadata__\":").bytes(),
            "safetensors"),
        arguments("JSON", ascii("{\"error\": \"not found\"}"), "looks like JSON"),
        arguments("PyTorch checkpoint", ascii("PK\3\4archive/data.pkl"), "PyTorch"),
        arguments("a later pickle", ascii("\u0080\4\u0095 data"), "PyTorch"),
        arguments("7z", ascii("7z\u00bc\u00af data"), "compressed"),
        arguments(
            "an old importance matrix",
            new RawGguf().u32(210).u32(19).ascii("blk.0.attn_k.weight").u32(9).bytes(),
            "importance matrix"),
        arguments("gzip", ascii("\u001f\u008b\b data"), "compressed"),
        arguments("old ggml", ascii("tjgg\3\0\0\0"), "before GGUF"),
        arguments("zeros", new byte[4096], "zeros only"),
        arguments("control characters", ascii("\u001b[31mred"), "found '?[31'"));
  }

  static Stream<Arguments> headers() {
    return Stream.of(
        arguments(
            "magic only",
            ascii("GGUF"),
            "version needs 4 bytes at byte 4 but the file has 4 bytes"),
        arguments(
            "half a header",
            Arrays.copyOf(RawGguf.header(3, 0, 0).bytes(), 20),
            "metadata count needs 8 bytes"),
        arguments("version 0", RawGguf.header(0, 0, 0).bytes(), "version 0 is not read"),
        arguments(
            "version 1",
            RawGguf.header(1, 0, 0).bytes(),
            "version 1 is not read here, only 2 and 3"),
        arguments(
            "version 4",
            RawGguf.header(4, 0, 0).bytes(),
            "version 4 is not read here, only 2 and 3"),
        arguments(
            "big endian",
            RawGguf.header(Integer.reverseBytes(3), 0, 0).bytes(),
            "version: the file is big endian"),
        arguments(
            "tensor count",
            RawGguf.header(3, 1L << 40, 0).bytes(),
            "tensor count says 1099511627776, more than"),
        arguments(
            "negative tensor count",
            RawGguf.header(3, -1, 0).bytes(),
            "tensor count says 18446744073709551615"),
        arguments(
            "metadata count", RawGguf.header(3, 0, Long.MAX_VALUE).bytes(), "metadata count says"),
        arguments(
            "metadata count over the limit",
            RawGguf.header(3, 0, 4000).data(60_000).bytes(),
            "metadata entry 0 of 4000: key is empty"));
  }

  static Stream<Arguments> metadata() {
    return Stream.of(
        arguments(
            "key length",
            head(1).u64(1000).data(32).bytes(),
            "metadata entry 0 of 1: key length says 1000"),
        arguments(
            "negative key length",
            head(1).u64(-8).data(64).bytes(),
            "key length says 18446744073709551608"),
        arguments(
            "value type",
            head(1).string("k").u32(13).data(64).bytes(),
            "'k': value type 13 is unknown"),
        arguments(
            "cut value",
            head(1).string("k").u32(GgufValueType.UINT64.id()).u32(0).bytes(),
            "'k': value needs 8"),
        arguments(
            "string length",
            head(1).string("k").u32(STRING).u64(99).u32(0).bytes(),
            "'k': string length says 99"),
        arguments(
            "array length",
            head(1).string("k").u32(ARRAY).u32(INT8).u64(99).bytes(),
            "'k': array length says 99"),
        arguments(
            "array in an array",
            head(1).string("k").u32(ARRAY).u32(ARRAY).u64(0).bytes(),
            "arrays within arrays"),
        arguments(
            "element type",
            head(1).string("k").u32(ARRAY).u32(77).u64(0).bytes(),
            "array element type 77"),
        arguments(
            "string in an array",
            head(1).string("k").u32(ARRAY).u32(STRING).u64(2).string("a").u64(1L << 62).bytes(),
            "'k': string 1 of 2 runs past the end"),
        arguments(
            "strings missing",
            head(1).string("k").u32(ARRAY).u32(STRING).u64(2).string("abcdefghi").bytes(),
            "'k': string 1 of 2 runs past the end"),
        arguments(
            "key twice", head(2).entry("k", 1).entry("k", 2).bytes(), "'k': the key occurs twice"),
        arguments(
            "hostile key",
            head(2).entry("\u001b]0;x\n", 1).entry("\u001b]0;x\n", 2).bytes(),
            "'?]0;x?'"),
        arguments(
            "alignment 0",
            head(1).entry("general.alignment", 0).bytes(),
            "'general.alignment': 0 is no power"),
        arguments(
            "alignment 48",
            head(1).entry("general.alignment", 48).bytes(),
            "'general.alignment': 48 is no"),
        arguments(
            "alignment 4G",
            head(1).entry("general.alignment", 1 << 31).bytes(),
            "'general.alignment': 2147483648"),
        arguments(
            "alignment text",
            head(1).string("general.alignment").u32(STRING).string("32").bytes(),
            "'general.alignment': wanted a whole number, found STRING"));
  }

  static Stream<Arguments> tensors() {
    return Stream.of(
        arguments(
            "name length",
            table(1).u64(500).data(64).bytes(),
            "tensor 0 of 1: name length says 500"),
        arguments(
            "long name",
            table(1).tensor("n".repeat(129), GgmlType.F32, 0, 1).bytes(),
            "name has 129 bytes"),
        arguments(
            "no name",
            table(1).tensor("", GgmlType.F32, 0, 1).data(4).bytes(),
            "tensor 0 of 1: name is empty"),
        arguments(
            "name twice",
            table(2)
                .tensor("w", GgmlType.F32, 0, 1)
                .tensor("w", GgmlType.F32, 32, 1)
                .data(64)
                .bytes(),
            "tensor 'w': the name occurs twice"),
        arguments(
            "no dims",
            table(1).tensor("w", GgmlType.F32, 0).data(64).bytes(),
            "'w': dimension count 0"),
        arguments(
            "5 dims",
            table(1).tensor("w", GgmlType.F32, 0, 1, 1, 1, 1, 1).data(64).bytes(),
            "dimension count 5"),
        arguments(
            "dim 0",
            table(1).tensor("w", GgmlType.F32, 0, 8, 0).data(64).bytes(),
            "'w': dimension 1 is 0"),
        arguments(
            "dim -1",
            table(1).tensor("w", GgmlType.F32, 0, -1).data(64).bytes(),
            "dimension 0 is 18446744073"),
        arguments(
            "overflow",
            table(1).tensor("w", GgmlType.F32, 0, 1L << 31, 1L << 31, 2).data(64).bytes(),
            "overflows"),
        arguments(
            "overflow to 0",
            table(1).tensor("w", GgmlType.F32, 0, 1L << 32, 1L << 32).data(64).bytes(),
            "overflows"),
        arguments(
            "IQ4_XS",
            table(1).tensor("w", 23, 0, 256).data(256).bytes(),
            "type IQ4_XS is not read by this version, " + "which reads F32, F16"),
        arguments(
            "Q2_K", table(1).tensor("w", 10, 0, 256).data(256).bytes(), "type Q2_K is not read"),
        arguments(
            "MXFP4", table(1).tensor("w", 39, 0, 256).data(256).bytes(), "type MXFP4 is not read"),
        arguments(
            "TQ1_0", table(1).tensor("w", 34, 0, 256).data(256).bytes(), "type TQ1_0 is not read"),
        arguments(
            "type 99",
            table(1).tensor("w", 99, 0, 256).data(256).bytes(),
            "type number 99 is not read"),
        arguments(
            "type -1",
            table(1).tensor("w", -1, 0, 256).data(256).bytes(),
            "type number 4294967295 is not read"),
        arguments(
            "ragged row",
            table(1).tensor("w", GgmlType.Q8_0, 0, 33).data(99).bytes(),
            "'w': dimension 0 is 33, no " + "whole number of Q8_0 blocks of 32"),
        arguments(
            "offset 4",
            table(1).tensor("w", GgmlType.F32, 4, 1).data(64).bytes(),
            "'w': offset 4 is no multiple"),
        arguments(
            "offset -32",
            table(1).tensor("w", GgmlType.F32, -32, 1).data(64).bytes(),
            "offset 1844674407370955158"),
        arguments(
            "far offset",
            table(1).tensor("w", GgmlType.F32, Long.MAX_VALUE - 31, 1).data(64).bytes(),
            "truncated: tensor 'w' ends at byte 9223372036854775"),
        arguments(
            "truncated data",
            table(1).tensor("w", GgmlType.F32, 0, 16).data(63).bytes(),
            "truncated: tensor 'w' ends at byte 128 but the file has 127 bytes; download it again"),
        arguments(
            "no data",
            table(1).tensor("w", GgmlType.F32, 0, 1).bytes(),
            "truncated: tensor 'w' ends at byte 68"),
        arguments(
            "overlap",
            table(2)
                .tensor("a", GgmlType.F32, 32, 1)
                .tensor("b", GgmlType.F32, 0, 9)
                .data(96)
                .bytes(),
            "tensor 'a': offset lies within the data of tensor 'b'"),
        arguments(
            "same place",
            table(2)
                .tensor("a", GgmlType.F32, 0, 1)
                .tensor("b", GgmlType.F32, 0, 1)
                .data(96)
                .bytes(),
            "tensor 'b': offset lies within the data of tensor 'a'"));
  }

  @Test
  void shouldRefuseMoreThanItsLimitsBeforeAllocating() {
    // 1 GiB of address space that is never touched: the limits must come from the counts alone.
    byte[] count = RawGguf.header(3, 0, GgufParser.MAX_METADATA + 1L).bytes();
    assertOverLimit(count, "metadata count says 65537, this version reads at most 65536");
    byte[] tensors = RawGguf.header(3, GgufParser.MAX_TENSORS + 1L, 0).bytes();
    assertOverLimit(tensors, "tensor count says 131073, this version reads at most 131072");
    byte[] array =
        head(1).string("k").u32(ARRAY).u32(INT8).u64(GgufParser.MAX_ARRAY_ELEMENTS + 1L).bytes();
    assertOverLimit(array, "'k': array length says 4194305, this version reads at most 4194304");
    byte[] string = head(1).string("k").u32(STRING).u64(GgufParser.MAX_STRING_BYTES + 1L).bytes();
    assertOverLimit(string, "'k': string has 67108865 bytes, this version reads at most 67108864");
    byte[] key = head(1).u64(GgufParser.MAX_KEY_BYTES + 1L).bytes();
    assertOverLimit(key, "key has 65536 bytes, this version reads at most 65535");
  }

  private void assertOverLimit(byte[] head, String wanted) {
    Path path = folder.resolve("sparse.gguf");
    String message =
        assertThrows(
                GgufException.class,
                () -> {
                  Files.write(path, head);
                  try (var out = new RandomAccessFile(path.toFile(), "rw")) {
                    out.setLength(1L << 30);
                  }
                  GgufFile.open(path).close();
                })
            .toString();
    assertTrue(message.contains(wanted), message);
  }

  @Test
  void shouldSayWhichPathIsMissingOrADirectory() {
    Path missing = folder.resolve("missing.gguf");
    assertEquals(missing + ": no such file; check the path", refusal(missing));
    assertEquals(folder + ": it is a directory; name a .gguf file", refusal(folder));
  }

  @Test
  void shouldSayThatAFileIsNotReadable() throws IOException {
    Path path = Files.write(folder.resolve("secret.gguf"), RawGguf.header(3, 0, 0).bytes());
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("---------"));
    Assumptions.assumeFalse(
        Files.isReadable(path), "this user reads files whatever their permissions");
    assertEquals(path + ": not readable; check its permissions", refusal(path));
  }

  private static String refusal(Path path) {
    return String.valueOf(
        assertThrows(GgufException.class, () -> GgufFile.open(path).close()).getMessage());
  }

  /** A file of metadata alone. */
  private static RawGguf head(long metadata) {
    return RawGguf.header(3, 0, metadata);
  }

  /** A file of tensors alone. */
  private static RawGguf table(long tensors) {
    return RawGguf.header(3, tensors, 0);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
