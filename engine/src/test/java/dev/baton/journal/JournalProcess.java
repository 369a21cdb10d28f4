package dev.baton.journal;

import dev.baton.cluster.JavaCommand;
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

  static Process start(Path folder, int first, int count) throws IOException {
    List<String> command =
        new ArrayList<>(JavaCommand.of(JournalProcess.class.getName(), "-Xmx128m"));
    command.addAll(List.of(folder.toString(), Integer.toString(first), Integer.toString(count)));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  public static void main(String[] args) throws InterruptedException {
    if (args[2].equals("-1")) {
      tear(Path.of(args[0]));
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
