package dev.baton.journal;

import dev.baton.node.JavaCommand;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.RollCycles;
import net.openhft.chronicle.wire.DocumentContext;

/**
 * Appends numbered entries to a journal until it is killed, or {@code count} of them, and prints
 * each number once its entry is appended.
 */
final class JournalProcess {
  private JournalProcess() {}

  /** One that begins an entry, prints {@code torn} and waits to be killed. */
  static Process startTorn(Path folder) throws IOException {
    return start(folder, 0, -1);
  }

  /**
   * One whose folder is a disk of its own of 2.5 MB: it appends until that is full, then has it
   * made larger, and says {@code full APPENDED READABLE REASON}.
   */
  static Process startFilling(Path folder) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                "unshare",
                "-m",
                "sh",
                "-c",
                "mount -t tmpfs -o size=2500k tmpfs " + folder + " && exec \"$@\"",
                "sh"));
    command.addAll(JavaCommand.of(JournalProcess.class.getName(), "-Xmx128m"));
    command.addAll(List.of(folder.toString(), "0", "-2"));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  static Process start(Path folder, int first, int count) throws IOException {
    List<String> command =
        new ArrayList<>(JavaCommand.of(JournalProcess.class.getName(), "-Xmx128m"));
    command.addAll(List.of(folder.toString(), Integer.toString(first), Integer.toString(count)));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  public static void main(String[] args) throws IOException, InterruptedException {
    if (args[2].equals("-1")) {
      tear(Path.of(args[0]));
    }
    if (args[2].equals("-2")) {
      fill(Path.of(args[0]));
      return;
    }
    int first = Integer.parseInt(args[1]);
    int count = Integer.parseInt(args[2]);
    try (Journal journal = Journal.open(Path.of(args[0]))) {
      for (int i = first; i < first + count; i++) {
        journal.append(Entries.numbered(i));
        System.out.println(i);
      }
    }
  }

  private static void fill(Path folder) throws IOException, InterruptedException {
    int appended = 0;
    String reason = "";
    try (Journal journal = Journal.open(folder)) {
      while (reason.isEmpty()) {
        try {
          journal.append(Entries.numbered(appended));
          appended++;
        } catch (JournalException e) {
          reason = String.valueOf(e.getMessage());
        }
      }
    }
    new ProcessBuilder("mount", "-o", "remount,size=9m", folder.toString()).start().waitFor();
    List<JournalEntry> readable = new ArrayList<>();
    try (Journal journal = Journal.open(folder)) {
      long _ = journal.replay(readable::add);
    }
    System.out.println("full " + appended + " " + readable.size() + " " + reason);
  }

  private static void tear(Path folder) throws InterruptedException {
    Journal.open(folder).close();
    ChronicleQueue queue =
        ChronicleQueue.singleBuilder(folder).rollCycle(RollCycles.FAST_DAILY).build();
    DocumentContext document = queue.createAppender().writingDocument();
    document.wire().getValueOut().text("{\"version\":1,\"entry\":{");
    System.out.println("torn");
    new CountDownLatch(1).await();
  }
}
