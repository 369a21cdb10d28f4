package dev.baton.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class JavaCommandTest {
  private static final String MAIN = "dev.baton.cli.BatonCli";

  @TempDir Path folder;

  private Path jarOf(String main) throws IOException {
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, main);
    Path jar = folder.resolve("some.jar");
    new JarOutputStream(Files.newOutputStream(jar), manifest).close();
    return jar;
  }

  private static List<String> tail(List<String> command, int words) {
    return command.subList(command.size() - words, command.size());
  }

  @Test
  void shouldStartAClassOfAClassPathWithAllThatItsManifestWouldSay() {
    List<String> command = JavaCommand.inClassPath("a:b", MAIN, "-Xmx64m");
    assertEquals(List.of("-cp", "a:b", MAIN), tail(command, 3));
    assertTrue(command.containsAll(JavaCommand.FLAGS), command.toString());
    assertTrue(command.contains("-Xmx64m"), command.toString());
  }

  @Test
  void shouldStartTheClassOfAJarByItAndFromTheRecordBesideIt() throws IOException {
    Path jar = jarOf(MAIN);
    List<String> command = JavaCommand.inClassPath(jar.toString(), MAIN);
    assertEquals(List.of("-jar", jar.toString()), tail(command, 2));
    assertFalse(command.toString().contains("AOTCache"), command.toString());

    Path record = Files.writeString(folder.resolve("some.aot"), "");
    assertTrue(
        JavaCommand.inClassPath(jar.toString(), MAIN).contains("-XX:AOTCache=" + record),
        "the record is not used");
  }

  @Test
  void shouldGiveNodesALittleHeapUnlessTheUserWantsAnother() {
    assertEquals("-Xmx256m", JavaCommand.nodeHeap(Map.of())[0]);
    assertEquals("-Xmx256m", JavaCommand.nodeHeap(Map.of("BATON_JAVA_OPTS", "-Dx=y"))[0]);
    assertEquals(
        "-Xmx8g", JavaCommand.nodeHeap(Map.of("BATON_JAVA_OPTS", "-Xmx1g -Dx=y  -Xmx8g "))[0]);
  }

  /** A record holds for the very options that it was made with. */
  @Test
  void shouldStartAnotherClassOfAJarWithoutTheRecord() throws IOException {
    Path jar = jarOf("dev.baton.bench.BenchCli");
    Files.writeString(folder.resolve("some.aot"), "");
    List<String> command = JavaCommand.inClassPath(jar.toString(), MAIN);
    assertEquals(List.of("-cp", jar.toString(), MAIN), tail(command, 3));
    assertFalse(command.toString().contains("AOTCache"), command.toString());
  }
}
