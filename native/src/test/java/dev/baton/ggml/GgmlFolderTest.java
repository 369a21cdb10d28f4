package dev.baton.ggml;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a folder of ggml's libraries has to hold, and what is said of others. */
class GgmlFolderTest {
  @TempDir Path folder;

  @Test
  void shouldFindLibrariesWhateverVariantAndReleaseTheirNamesCarry() throws IOException {
    for (List<String> names :
        List.of(
            List.of("libggml-base.so", "libggml.so", "libggml-cpu.so"),
            List.of("libggml-base.so", "libggml.vulkan.v0.5.0.so", "libggml-vulkan.so"),
            List.of("libggml-base.so.0.9.7", "libggml.so.0.9.7", "libggml-cpu-zen4.so"),
            List.of("libggml-base.dylib", "libggml.metal.v0.4.0.dylib", "libggml-metal.so"),
            List.of("libggml-base.0.dylib", "libggml.0.dylib", "libggml-blas.so"))) {
      Path place = Files.createTempDirectory(folder, "libs");
      for (String name : names) {
        Files.writeString(place.resolve(name), name);
      }
      GgmlFolder found = GgmlFolder.of(place);
      assertEquals(names.get(0), String.valueOf(found.base().getFileName()));
      assertEquals(names.get(1), String.valueOf(found.registry().getFileName()));
      assertEquals(List.of(place.resolve(names.get(2))), found.plugins());
    }
  }

  @Test
  void shouldCountLinksToOneFileOnce() throws IOException {
    Files.writeString(folder.resolve("libggml-base.so.0.9.7"), "base");
    Files.createSymbolicLink(
        folder.resolve("libggml-base.so"), folder.resolve("libggml-base.so.0.9.7"));
    Files.writeString(folder.resolve("libggml.so"), "registry");
    assertEquals(
        folder.resolve("libggml-base.so.0.9.7").toRealPath(), GgmlFolder.of(folder).base());
  }

  @Test
  void shouldRefuseAFolderOfSeveralReleases() throws IOException {
    write("libggml-base.so", "libggml.so", "libggml.vulkan.v0.5.0.so");
    assertSays("mixes libraries of several releases", "libggml.vulkan.v0.5.0.so", "baton pull");
  }

  @Test
  void shouldRefuseAPluginThatWasNotPulledWithTheOthers() throws IOException {
    write("libggml-base.so", "libggml.so", "libggml-cpu.so", "libggml-vulkan.so");
    Files.write(
        folder.resolve(GgmlFolder.CONTENTS),
        List.of("15 libggml-base.so", "10 libggml.so", "14 libggml-cpu.so"));
    assertSays("libggml-vulkan.so was not pulled with the others", "mixes libraries");
    Files.delete(folder.resolve("libggml-vulkan.so"));
    assertEquals(1, GgmlFolder.of(folder).plugins().size());
    Files.writeString(folder.resolve("libggml-cpu.so"), "another one");
    assertSays("libggml-cpu.so is not the one that was pulled");
  }

  @Test
  void shouldSayWhatToDoWhereThereIsNone() throws IOException {
    assertTrue(
        refusal(Map.of(GgmlFolder.VARIABLE, folder.resolve("none").toString()))
            .contains("is no folder"));
    assertTrue(
        refusal(Map.of(GgmlFolder.VARIABLE, folder.toString())).contains("holds no libggml-base"));
    write("libggml-base.so");
    assertTrue(refusal(Map.of(GgmlFolder.VARIABLE, folder.toString())).contains("baton pull ggml"));
  }

  @Test
  void shouldPreferWhatWasPulledForAnAccelerator() throws IOException {
    for (String variant : List.of("ggml", "ggml-vulkan")) {
      Path place = Files.createDirectory(folder.resolve(variant));
      Files.writeString(place.resolve("libggml-base.so"), "base");
      Files.writeString(place.resolve("libggml.so"), "registry");
    }
    assertEquals(folder.resolve("ggml-vulkan"), GgmlFolder.find(Map.of(), folder).path());
  }

  private void write(String... names) throws IOException {
    for (String name : names) {
      Files.writeString(folder.resolve(name), name);
    }
  }

  private void assertSays(String... parts) {
    String message =
        String.valueOf(assertThrows(GgmlException.class, () -> GgmlFolder.of(folder)).getMessage());
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
    assertEquals(1, message.lines().count());
  }

  private static String refusal(Map<String, String> env) {
    return String.valueOf(
        assertThrows(GgmlException.class, () -> GgmlFolder.find(env, Path.of("nowhere")))
            .getMessage());
  }
}
