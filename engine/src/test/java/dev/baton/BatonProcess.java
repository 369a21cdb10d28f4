package dev.baton;

import dev.baton.node.JavaCommand;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** A {@code baton} command as a process of its own, as a test sees it. */
public final class BatonProcess implements AutoCloseable {
  public static final Path TINY =
      Path.of("src", "main", "resources", "dev", "baton", "catalog", "baton-tiny-q8_0.gguf")
          .toAbsolutePath();

  private final Process process;
  private final StringBuffer out = new StringBuffer();
  private final StringBuffer err = new StringBuffer();
  private final List<Thread> readers;

  private BatonProcess(Process process) {
    this.process = process;
    this.readers =
        List.of(
            Thread.ofPlatform().daemon().start(() -> read(process.getInputStream(), out)),
            Thread.ofPlatform().daemon().start(() -> read(process.getErrorStream(), err)));
  }

  public static BatonProcess start(String... arguments) {
    return start(Map.of(), arguments);
  }

  public static BatonProcess start(Map<String, String> environment, String... arguments) {
    return start(List.of(), environment, arguments);
  }

  /** Starts it by another command: {@code prefix java ...}. */
  public static BatonProcess start(
      List<String> prefix, Map<String, String> environment, String... arguments) {
    return startMain("dev.baton.cli.BatonCli", prefix, environment, arguments);
  }

  /** Starts it by another class, which does something beside. */
  public static BatonProcess startMain(
      String main, List<String> prefix, Map<String, String> environment, String... arguments) {
    try {
      List<String> command = new ArrayList<>(interruptible());
      command.addAll(prefix);
      command.addAll(JavaCommand.of(main, compilers(environment)));
      command.addAll(List.of(arguments));
      ProcessBuilder builder = new ProcessBuilder(command);
      builder.environment().putAll(environment);
      return new BatonProcess(builder.start());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * Most processes of tests live for seconds, in which the second compiler only takes a core. Not
   * those that compute in Java.
   */
  private static String[] compilers(Map<String, String> environment) {
    return "java".equals(environment.get("BATON_CPU_ISA"))
        ? new String[0]
        : new String[] {"-XX:TieredStopAtLevel=1"};
  }

  /**
   * What gives a process SIGINT back where this one ignores it, as under nohup and in some CI: it
   * would inherit that, and a JVM that does leaves Ctrl-C alone.
   */
  private static List<String> interruptible() throws IOException {
    Path status = Path.of("/proc/self/status");
    return Files.exists(status)
            && Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 2) != 0)
        ? List.of("/usr/bin/env", "--default-signal=INT")
        : List.of();
  }

  private static void read(java.io.InputStream stream, StringBuffer into) {
    try (var reader = new InputStreamReader(stream, StandardCharsets.UTF_8)) {
      char[] buffer = new char[4096];
      for (int n = reader.read(buffer); n >= 0; n = reader.read(buffer)) {
        into.append(buffer, 0, n);
      }
    } catch (IOException e) {
      // The process is gone.
    }
  }

  public String out() {
    return out.toString();
  }

  public String err() {
    return err.toString();
  }

  public Process process() {
    return process;
  }

  /** Ends standard input. */
  public void closeInput() {
    try (OutputStream in = process.getOutputStream()) {
      in.flush();
    } catch (IOException e) {
      // Already gone.
    }
  }

  /** HOST:PORT that a node says it listens on. */
  public String awaitReady() {
    awaitOutput(text -> text.contains("READY ") && text.contains("\n"), "READY");
    String text = out();
    int at = text.indexOf("READY ") + 6;
    return text.substring(at, text.indexOf('\n', at)).trim();
  }

  public void awaitOutput(Predicate<String> wanted, String what) {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!wanted.test(out())) {
      if (System.nanoTime() > until || (!process.isAlive() && !wanted.test(out()))) {
        throw new AssertionError("no " + what + "; stdout: " + out() + "; stderr: " + err());
      }
      pause(10);
    }
  }

  public static void pause(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** The exit code, once it has ended and all its output was read. */
  public int await() {
    try {
      if (!process.waitFor(120, TimeUnit.SECONDS)) {
        throw new AssertionError(
            "still running after 120 s; stdout: " + out() + "; stderr: " + err());
      }
      for (Thread reader : readers) {
        reader.join();
      }
      return process.exitValue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Sends a signal by name: INT, STOP, CONT, KILL. */
  public void signal(String name) {
    signal(process.pid(), name);
  }

  public static void signal(long pid, String name) {
    try {
      Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(pid)).inheritIO().start();
      if (kill.waitFor() != 0) {
        throw new AssertionError("kill -" + name + " " + pid + " failed");
      }
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Process ids of the children that still live. */
  public List<Long> children() {
    return process.descendants().filter(ProcessHandle::isAlive).map(ProcessHandle::pid).toList();
  }

  public static boolean endsWithin(long pid, long ms) {
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ms);
    while (System.nanoTime() < until) {
      if (ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty()) {
        return true;
      }
      pause(20);
    }
    return false;
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
