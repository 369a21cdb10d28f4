package dev.baton.bench.stream;

import java.util.ArrayList;
import java.util.List;

/** The core that a process keeps to. */
enum OneCore {
  PREFILL(0),
  DECODE(1);

  private final int core;

  OneCore(int core) {
    this.core = core;
  }

  /** Words to put before a command. */
  List<String> prefix() {
    return List.of("taskset", "-c", Integer.toString(core));
  }

  List<String> with(String command) {
    List<String> words = new ArrayList<>(prefix());
    words.add(command);
    return words;
  }
}
