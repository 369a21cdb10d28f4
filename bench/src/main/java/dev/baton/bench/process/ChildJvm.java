package dev.baton.bench.process;

import dev.baton.bench.report.WrongResult;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Baton's own commands as processes of their own, which end with this one. */
public final class ChildJvm {
  public static final String BENCH = "dev.baton.bench.BenchCli";
  public static final String BATON = "dev.baton.cli.BatonCli";

  private ChildJvm() {}

  /** The words that start {@code main} in a JVM like this one. */
  public static List<String> command(List<String> prefix, String main, List<String> arguments) {
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
  public static String runBench(List<String> prefix, List<String> arguments)
      throws InterruptedException {
    return ChildProcess.output(command(prefix, BENCH, arguments), ChildJvm::complaint);
  }

  private static String complaint(String said) {
    return said.lines()
        .filter(line -> line.startsWith("baton: "))
        .map(line -> line.substring("baton: ".length()))
        .findFirst()
        .orElse(said.strip());
  }
}
