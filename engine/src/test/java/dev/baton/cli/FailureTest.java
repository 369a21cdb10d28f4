package dev.baton.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.BatonProcess;
import dev.baton.node.JavaCommand;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What is said where memory is too small: of the heap, of the system. */
final class FailureTest {
  @TempDir Path folder;

  private static String said(Throwable failure) {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream stream = new PrintStream(err, true, StandardCharsets.UTF_8);
    Terminal terminal =
        new Terminal(new ByteArrayInputStream(new byte[0]), stream, stream, false, false, Map.of());
    assertEquals(1, Failure.report(failure, terminal));
    String text = err.toString(StandardCharsets.UTF_8);
    assertEquals(1, text.lines().count(), text);
    return text;
  }

  @Test
  void shouldTellTheHeapFromTheSystemsMemory() {
    String heap = said(new OutOfMemoryError("Java heap space"));
    assertTrue(heap.contains("the JVM's heap of "), heap);
    assertTrue(heap.matches("(?s).*BATON_JAVA_OPTS=-Xmx\\d+m\\s*"), heap);
    String system = said(new OutOfMemoryError("the system refuses 5000 bytes"));
    assertTrue(system.contains("no memory for this (the system refuses 5000 bytes)"), system);
    assertTrue(system.contains("--ctx-size"), system);
    assertFalse(system.contains("Xmx"), system);
    String threads =
        said(new OutOfMemoryError("unable to create native thread: possibly out of memory"));
    assertTrue(threads.contains("ulimit -u"), threads);
  }

  @Test
  void shouldFindItWhereItComesWrapped() {
    Error wrapped = new ExceptionInInitializerError(new OutOfMemoryError("Java heap space"));
    assertTrue(said(new IllegalStateException(wrapped)).contains("the JVM's heap of "));
  }

  @Test
  @Timeout(60)
  void shouldSaySoInOneLineOfARealHeap() throws Exception {
    List<String> command =
        new ArrayList<>(JavaCommand.of("dev.baton.cli.BatonCli", "-Xmx4m", "-XX:+UseSerialGC"));
    command.addAll(
        List.of("run", "--split=local", "--model", BatonProcess.TINY.toString(), "once"));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("BATON_HOME", folder.toString());
    Process process = builder.start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(1, process.waitFor(), text);
    assertEquals(1, text.lines().count(), text);
    assertTrue(text.startsWith("baton: the JVM's heap of "), text);
  }
}
