package dev.baton.fault;

import dev.baton.BatonProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What a process holds that it must not hold more of after a fault.
 *
 * @param threads names of its threads, sorted, but for those of the JVM itself
 * @param streams files of the streams that it has open, in memory
 */
record Footprint(List<String> threads, List<Path> streams) {
  private static final Path SHARED_MEMORY = Path.of("/dev/shm");
  private static final Pattern OURS =
      Pattern.compile("baton.*|aeron.*|\\[.*|.*sender.*|.*receiver.*|.*conductor.*");

  static Footprint of(BatonProcess node) {
    return of(node.process().pid());
  }

  static Footprint ofThisProcess() {
    return of(ProcessHandle.current().pid());
  }

  private static Footprint of(long pid) {
    return new Footprint(
        threadsOf(pid),
        filesOf(pid).stream().filter(it -> it.toString().endsWith(".logbuffer")).toList());
  }

  private static List<String> threadsOf(long pid) {
    List<String> names = new ArrayList<>();
    try (Stream<Path> tasks = Files.list(Path.of("/proc/" + pid + "/task"))) {
      for (Path task : tasks.toList()) {
        names.add(Files.readString(task.resolve("comm")).strip());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return names.stream().filter(OURS.asMatchPredicate()).sorted().toList();
  }

  /** Files of the process in shared memory. */
  static List<Path> filesOf(long pid) {
    List<Path> files = new ArrayList<>();
    try (Stream<Path> folders = Files.list(SHARED_MEMORY)) {
      for (Path folder : folders.toList()) {
        if (folder.getFileName().toString().startsWith("baton-" + pid + "-")) {
          try (Stream<Path> inside = Files.walk(folder)) {
            inside.filter(Files::isRegularFile).forEach(files::add);
          }
        }
      }
    } catch (IOException | UncheckedIOException e) {
      return filesOf(pid); // a file went away between the list and the look
    }
    return files;
  }

  /** Resident memory of a process in KiB. */
  static long residentKib(long pid) {
    try {
      return Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
