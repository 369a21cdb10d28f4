package dev.baton.node;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;

/** How to start another JVM like this one: the same Java, the same classes. */
public final class JavaCommand {
  /** No manifest can say this one. */
  private static final String UNSAFE_ALLOWED = "--sun-misc-unsafe-memory-access=allow";

  /** What Baton needs of a JVM that is not started by its jar's manifest. */
  public static final List<String> FLAGS =
      List.of(
          "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
          "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
          "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
          "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
          UNSAFE_ALLOWED,
          "--enable-native-access=ALL-UNNAMED");

  /** More options for JVMs, which the launcher reads as well. */
  private static final String OPTIONS_VARIABLE = "BATON_JAVA_OPTS";

  /**
   * The heap of a JVM that runs a node, unless {@value #OPTIONS_VARIABLE} has another: vocabularies
   * of 256 thousand tokens fit. What is computed with is outside of it, has no limit of its own,
   * and wants the memory. The launcher has the same.
   */
  static final long NODE_HEAP_BYTES = 256L << 20;

  private static final String NODE_HEAP = "-Xmx" + (NODE_HEAP_BYTES >> 20) + "m";

  private static final String NO_DIRECT_LIMIT = "-XX:MaxDirectMemorySize=1t";
  private static final String HEAP_OPTION = "-Xmx";

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
    return inClassPath(System.getProperty("java.class.path"), main, options);
  }

  /** How large the heap of a node is, as options of its JVM. */
  static String[] nodeHeap(Map<String, String> env) {
    String heap =
        Arrays.stream(env.getOrDefault(OPTIONS_VARIABLE, "").split("\\s+"))
            .filter(option -> option.startsWith(HEAP_OPTION))
            .reduce(NODE_HEAP, (_, later) -> later);
    return new String[] {heap, NO_DIRECT_LIMIT};
  }

  static List<String> inClassPath(String classPath, String main, String... options) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(options));
    if (isMainOf(classPath, main)) {
      command.add(UNSAFE_ALLOWED);
      command.addAll(startRecord(classPath));
      command.addAll(List.of("-jar", classPath));
    } else {
      command.addAll(FLAGS);
      command.addAll(List.of("-cp", classPath, main));
    }
    return command;
  }

  /** Whether the class path is one jar that runs this class by itself. */
  private static boolean isMainOf(String classPath, String main) {
    if (!classPath.endsWith(JAR) || classPath.contains(File.pathSeparator)) {
      return false;
    }
    try (JarFile jar = new JarFile(classPath)) {
      Manifest manifest = jar.getManifest();
      return manifest != null
          && main.equals(manifest.getMainAttributes().getValue(Attributes.Name.MAIN_CLASS));
    } catch (IOException _) {
      return false; // and the JVM that cannot read it either says why
    }
  }

  /** The record beside a jar from which a JVM starts sooner, where the launcher has made one. */
  private static List<String> startRecord(String jar) {
    String record = jar.substring(0, jar.length() - JAR.length()) + START_RECORD;
    // A JVM that cannot use it would say so on stdout.
    return Files.exists(Path.of(record))
        ? List.of("-XX:AOTCache=" + record, "-Xlog:aot*=off")
        : List.of();
  }
}
