package dev.baton.cluster;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How to start another JVM like this one: the same Java, the same classes. */
public final class JavaCommand {
  /** What Baton needs of a JVM that is not started by its jar's manifest. */
  public static final List<String> FLAGS =
      List.of(
          "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
          "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
          "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
          "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
          "--sun-misc-unsafe-memory-access=allow",
          "--enable-native-access=ALL-UNNAMED");

  private static final String JAR = ".jar";
  private static final String START_RECORD = ".aot";

  private JavaCommand() {}

  /**
   * The command that runs a class of this process's class path; its arguments may follow.
   *
   * @param main the class
   * @param options more options of the JVM
   */
  public static List<String> of(String main, String... options) {
    String classPath = System.getProperty("java.class.path");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(FLAGS);
    command.addAll(startRecord(classPath));
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", classPath, main));
    return command;
  }

  /** The record beside a jar from which a JVM starts sooner, where the launcher has made one. */
  private static List<String> startRecord(String classPath) {
    if (!classPath.endsWith(JAR) || classPath.contains(File.pathSeparator)) {
      return List.of();
    }
    String stem = classPath.substring(0, classPath.length() - JAR.length());
    return Files.exists(Path.of(stem + START_RECORD))
        ? List.of("-XX:AOTCache=" + stem + START_RECORD)
        : List.of();
  }
}
