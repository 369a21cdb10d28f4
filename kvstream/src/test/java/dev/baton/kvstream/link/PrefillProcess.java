package dev.baton.kvstream.link;

import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.StreamConfig;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A prefill node in a process of its own, for tests that kill or stop it. */
public final class PrefillProcess implements AutoCloseable {
  private final Process process;
  private final String endpoint;
  private final BufferedReader output;

  /**
   * What runs in the other process: says its endpoint, then the sessions it releases, until its
   * input ends.
   */
  public static void main(String[] args) throws IOException {
    NodeIdentity node = Nodes.node();
    PatternPrefill prefill =
        new PatternPrefill(node) {
          @Override
          public void released(long sessionId) {
            System.out.println("released " + sessionId);
          }
        };
    prefill.nsPerSlice = TimeUnit.MILLISECONDS.toNanos(Long.parseLong(args[2]));
    StreamConfig config =
        StreamConfig.builder()
            .listen("127.0.0.1:0")
            .directoryParent(Path.of(args[0]))
            .leaseNs(Long.parseLong(args[1]))
            .build();
    try (StreamNode stream = StreamNode.launch(config, node, prefill)) {
      System.out.println(stream.endpoint());
      while (System.in.read() >= 0) {
        // Until the test ends or lets go.
      }
    }
  }

  public static List<String> java(List<String> jvmFlags, String mainClass, List<String> args) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx256m");
    command.addAll(jvmFlags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), mainClass));
    command.addAll(args);
    return command;
  }

  public static final List<String> FLAGS =
      List.of(
          "--add-exports",
          "java.base/jdk.internal.misc=ALL-UNNAMED",
          "--enable-native-access=ALL-UNNAMED");

  public PrefillProcess(Path directoryParent, long leaseNs, long msPerSlice) throws IOException {
    this(command(directoryParent, leaseNs, msPerSlice));
  }

  /** The same with a file for what it complains about. */
  public PrefillProcess(Path directoryParent, long leaseNs, long msPerSlice, Path log)
      throws IOException {
    this(command(directoryParent, leaseNs, msPerSlice).redirectError(log.toFile()));
  }

  /** The same with more in its environment. */
  public PrefillProcess(
      Path directoryParent, long leaseNs, long msPerSlice, Map<String, String> more)
      throws IOException {
    this(with(more, command(directoryParent, leaseNs, msPerSlice)));
  }

  private static ProcessBuilder command(Path directoryParent, long leaseNs, long msPerSlice) {
    List<String> args =
        List.of(directoryParent.toString(), Long.toString(leaseNs), Long.toString(msPerSlice));
    return new ProcessBuilder(java(FLAGS, PrefillProcess.class.getName(), args))
        .redirectError(ProcessBuilder.Redirect.INHERIT);
  }

  private static ProcessBuilder with(Map<String, String> more, ProcessBuilder command) {
    command.environment().putAll(more);
    return command;
  }

  private PrefillProcess(ProcessBuilder command) throws IOException {
    process = command.start();
    output = process.inputReader(StandardCharsets.UTF_8);
    endpoint = output.readLine();
  }

  public long pid() {
    return process.pid();
  }

  public String endpoint() {
    return endpoint;
  }

  /** The next line that the process says. */
  public String nextLine() {
    try {
      return output.readLine();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** SIGKILL. */
  public void kill() {
    process.destroyForcibly().onExit().join();
  }

  /** Sends STOP or CONT. */
  public void signal(String name) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
        .inheritIO()
        .start()
        .waitFor();
  }

  @Override
  public void close() {
    kill();
  }
}
