package dev.baton.catalog;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Taking ggml's libraries out of an npm package, with a program that stands for npm. */
class GgmlPullTest {
  @TempDir Path folder;
  private Path bin;
  private Path archive;
  private Map<String, String> env;

  @BeforeEach
  void standForNpm() throws IOException {
    bin = Files.createDirectory(folder.resolve("bin"));
    archive = folder.resolve("package.tgz");
    Map<String, String> files = new LinkedHashMap<>();
    files.put("package/LICENSE", "MIT");
    files.put("package/package.json", "{\"scripts\":{\"install\":\"touch " + folder + "/ran\"}}");
    files.put("package/bins/linux-x64/libggml-base.so", "base".repeat(300));
    files.put("package/bins/linux-x64/libggml.v0.5.0.so", "registry");
    files.put("package/bins/linux-x64/libggml-cpu-x64.so", "plugin");
    files.put("package/bins/linux-x64/libllama.so", "not wanted");
    files.put("package/../../escaped/libggml-evil.so", "evil");
    Files.write(archive, tgz(files));
    program("cp '" + archive + "' \"$4/node-llama-cpp-linux-x64-3.22.1.tgz\"");
    env = Map.of("PATH", bin + ":/usr/bin:/bin", "BATON_HOME", folder.resolve("home").toString());
  }

  private void program(String line) throws IOException {
    Path npm = bin.resolve("npm");
    Files.writeString(npm, "#!/bin/sh\n" + line + "\n");
    Files.setPosixFilePermissions(npm, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static byte[] tgz(Map<String, String> files) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(bytes)) {
      for (Map.Entry<String, String> file : files.entrySet()) {
        byte[] content = file.getValue().getBytes(US_ASCII);
        byte[] header = new byte[512];
        byte[] name = file.getKey().getBytes(US_ASCII);
        System.arraycopy(name, 0, header, 0, name.length);
        byte[] size = String.format("%011o", content.length).getBytes(US_ASCII);
        System.arraycopy(size, 0, header, 124, size.length);
        header[156] = '0';
        out.write(header);
        out.write(content);
        out.write(new byte[-content.length & 511]);
      }
      out.write(new byte[1024]);
    }
    return bytes.toByteArray();
  }

  private GgmlPackage wanted() throws Exception {
    byte[] hash = MessageDigest.getInstance("SHA-512").digest(Files.readAllBytes(archive));
    return new GgmlPackage(
        "ggml",
        "linux-x64",
        "@node-llama-cpp/linux-x64",
        "3.22.1",
        Base64.getEncoder().encodeToString(hash),
        Files.size(archive));
  }

  @Test
  void shouldTakeTheLibrariesOnlyAndRunNothing() throws Exception {
    Path there = new GgmlPull(env).pull(wanted(), PullProgress.SILENT);
    try (Stream<Path> files = Files.list(there)) {
      assertEquals(
          List.of(
              "LICENSE",
              "contents.txt",
              "libggml-base.so",
              "libggml-cpu-x64.so",
              "libggml-evil.so",
              "libggml.v0.5.0.so"),
          files.map(file -> file.getFileName().toString()).sorted().toList());
    }
    assertEquals("base".repeat(300), Files.readString(there.resolve("libggml-base.so")));
    assertTrue(Files.readString(there.resolve("contents.txt")).contains("1200 libggml-base.so"));
    assertFalse(Files.exists(folder.resolve("ran")));
    assertFalse(Files.exists(folder.resolve("home").resolve("escaped")));
    program("exit 1");
    assertEquals(there, new GgmlPull(env).pull(wanted(), PullProgress.SILENT));
  }

  @Test
  void shouldKeepNothingOfOtherBytesThanThePinnedOnes() throws Exception {
    GgmlPackage pinned = wanted();
    Files.write(archive, tgz(Map.of("package/libggml-base.so", "other")));
    assertTrue(refusal(pinned).contains("gave other bytes than the pinned ones"));
    assertFalse(Files.exists(folder.resolve("home/ggml/ggml")));
    assertFalse(Files.exists(folder.resolve("home/ggml/ggml.part")));
  }

  @Test
  void shouldSayWhatNpmSaidOrThatThereIsNone() throws Exception {
    program("echo 'npm error code E404' >&2; exit 1");
    assertTrue(refusal(wanted()).contains("npm error code E404"));
    Files.delete(bin.resolve("npm"));
    env = Map.of("PATH", bin.toString(), "BATON_HOME", folder.resolve("home").toString());
    assertTrue(refusal(wanted()).contains("apt install npm"));
  }

  private String refusal(GgmlPackage wanted) {
    return String.valueOf(
        assertThrows(
                CatalogException.class, () -> new GgmlPull(env).pull(wanted, PullProgress.SILENT))
            .getMessage());
  }

  @Test
  void shouldNameThePackagesThereAreForAMachine() {
    assertEquals("linux-x64-vulkan", name(GgmlPackage.find("ggml-vulkan", "Linux", "amd64")));
    assertEquals("mac-arm64-metal", name(GgmlPackage.find("ggml-metal", "Mac OS X", "aarch64")));
    CatalogException none =
        assertThrows(
            CatalogException.class, () -> GgmlPackage.find("ggml-cuda", "Linux", "aarch64"));
    assertTrue(String.valueOf(none.getMessage()).contains("only ggml"), none.getMessage());
  }

  private static String name(GgmlPackage found) {
    return found.packageName().substring(found.packageName().indexOf('/') + 1);
  }
}
