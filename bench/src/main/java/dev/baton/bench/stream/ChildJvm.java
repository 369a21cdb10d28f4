package dev.baton.bench.stream;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Baton's own commands as processes of their own, which end with this one. */
final class ChildJvm {
  static final String BENCH = "dev.baton.bench.BenchCli";
  static final String BATON = "dev.baton.cli.BatonCli";

  private ChildJvm() {}

  /** The words that start {@code main} in a JVM like this one. */
  static List<String> command(List<String> prefix, String main, List<String> arguments) {
    List<String> command = new ArrayList<>(prefix);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED");
    command.add("--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED");
    command.add("--add-exports=java.base/sun.nio.ch=ALL-UNNAMED");
    command.add("--add-opens=java.base/java.lang.reflect=ALL-UNNAMED");
    command.add("--sun-misc-unsafe-memory-access=allow");
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(main);
    command.addAll(arguments);
    return command;
  }

  /**
   * Runs one of the harness's own commands to its end and returns what it printed.
   *
   * @throws WrongResult when it failed, with the line it said
   */
  static String runBench(List<String> prefix, List<String> arguments) throws InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(command(prefix, BENCH, arguments)).start();
    } catch (IOException e) {
      throw new WrongResult("a process could not be started: " + e.getMessage());
    }
    Thread end = new Thread(process::destroy, "baton-bench-child-end");
    Runtime.getRuntime().addShutdownHook(end);
    try {
      CompletableFuture<String> said =
          CompletableFuture.supplyAsync(() -> text(process.getErrorStream()));
      String printed = text(process.getInputStream());
      int status = process.waitFor();
      if (status != 0) {
        throw new WrongResult(
            said.join()
                .lines()
                .filter(line -> line.startsWith("baton: "))
                .map(line -> line.substring("baton: ".length()))
                .findFirst()
                .orElse("a measuring process ended with status " + status + ": " + said.join()));
      }
      return printed;
    } finally {
      process.destroy();
      try {
        Runtime.getRuntime().removeShutdownHook(end);
      } catch (IllegalStateException _) {
        // The process is ending, and the hook has ended the child.
      }
    }
  }

  private static String text(java.io.InputStream stream) {
    try (stream) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "";
    }
  }
}
