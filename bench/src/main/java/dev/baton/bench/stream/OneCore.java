package dev.baton.bench.stream;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The core that a process keeps to. */
public enum OneCore {
  /** Of the node that prefills. */
  PREFILL(0),
  /** Of the process that decodes. */
  DECODE(1);

  private final int core;

  OneCore(int core) {
    this.core = core;
  }

  /** Words to put before a command. */
  public List<String> prefix() {
    return List.of("taskset", "-c", Integer.toString(core));
  }

  /** Why two nodes cannot have a core each here, or null. */
  public static @Nullable String whyMissing() {
    if (Runtime.getRuntime().availableProcessors() < 2) {
      return "two nodes with a core each need two processors";
    }
    try {
      List<String> words = new ArrayList<>(PREFILL.prefix());
      words.add("true");
      new ProcessBuilder(words).start().waitFor();
      return null;
    } catch (IOException e) {
      return "processes are kept to one core by taskset (util-linux), which is not here";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "interrupted";
    }
  }
}
