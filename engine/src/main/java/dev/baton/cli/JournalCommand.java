package dev.baton.cli;

import dev.baton.catalog.CacheFolder;
import dev.baton.journal.Journal;
import dev.baton.journal.JournalEntry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton journal}: what was planned for the requests of this node, and what happened. */
@Command(
    name = "journal",
    header = "Show what was planned for each request and what happened.",
    description = {
      "%nOne line a request, oldest first. Times are predicted > observed, with the prediction's"
          + " error.",
      "The journal holds no prompts and no answers. It is kept in the folder journal of BATON_HOME,"
          + " for 30 days.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton journal --last 20",
      "  baton journal --json | jq -s 'map(.observed.ttftSeconds) | add / length'"
    })
final class JournalCommand implements Callable<Integer> {
  private static final long POLL_MS = 200;
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT);

  private final Terminal terminal;

  @Option(names = "--follow", description = "Go on with new requests as they end, until Ctrl-C.")
  private boolean follow;

  @Option(names = "--json", description = "Print one JSON object a line.")
  private boolean json;

  @Option(
      names = "--last",
      paramLabel = "N",
      description = "Begin with the newest N requests (default: all).")
  @Within(least = 0)
  private int last = Integer.MAX_VALUE;

  JournalCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  /** Where a node's journal is. */
  static Path folder(Terminal terminal) {
    return CacheFolder.of(terminal.env()).resolve("journal");
  }

  @Override
  public Integer call() throws InterruptedException {
    Path folder = folder(terminal);
    if (!follow && !Files.exists(folder)) {
      noteThatItIsEmpty(folder);
      return BatonCli.DONE;
    }
    try (Journal journal = Journal.open(folder)) {
      Deque<JournalEntry> newest = new ArrayDeque<>();
      long end = journal.replay(entry -> keep(newest, entry));
      boolean empty = end == 0;
      if (empty && !follow) {
        noteThatItIsEmpty(folder);
        return BatonCli.DONE;
      }
      if (!json) {
        terminal.println(row("time", "model", "plan", "tokens", "first token, s", "all, s"));
      }
      newest.forEach(this::show);
      while (follow) {
        Thread.sleep(POLL_MS);
        end = journal.tail(end, this::show);
      }
    }
    return BatonCli.DONE;
  }

  private void noteThatItIsEmpty(Path folder) {
    terminal.note("the journal in " + folder + " is empty; it fills as requests end");
  }

  private void keep(Deque<JournalEntry> newest, JournalEntry entry) {
    newest.add(entry);
    if (newest.size() > last) {
      newest.remove();
    }
  }

  private void show(JournalEntry entry) {
    terminal.println(json ? Json.line(entry) : line(entry));
  }

  private static String line(JournalEntry entry) {
    JournalEntry.Tokens tokens = entry.tokens();
    JournalEntry.Latency predicted = entry.times().predicted();
    JournalEntry.Latency observed = entry.times().observed();
    String cached = tokens.cachedTokens() == 0 ? "" : "(" + tokens.cachedTokens() + ")";
    String row =
        row(
            TIME.format(entry.time().atZone(ZoneId.systemDefault())),
            entry.model(),
            plan(entry.route()),
            tokens.promptTokens() + cached + "+" + tokens.outputTokens(),
            times(predicted.ttftSeconds(), observed.ttftSeconds()),
            times(predicted.e2eSeconds(), observed.e2eSeconds()));
    String fallback = entry.fallback();
    return fallback == null ? row : row + " fell back: " + Failure.oneLine(fallback);
  }

  private static String row(Object... cells) {
    return String.format(Locale.ROOT, "%-19s  %-18s %-28s %13s  %-26s %-26s", cells)
        .stripTrailing();
  }

  private static String plan(JournalEntry.Route route) {
    if (route.prefillNode() == null) {
      return "local";
    }
    String layers =
        route.boundaryLayer() == route.layers()
            ? "all"
            : route.boundaryLayer() + " of " + route.layers();
    return layers + " at " + route.prefillNode();
  }

  private static String times(double predictedSeconds, double observedSeconds) {
    if (observedSeconds == 0) {
      return String.format(Locale.ROOT, "%.3f > none", predictedSeconds);
    }
    return String.format(
        Locale.ROOT,
        "%.3f > %.3f  %+.1f %%",
        predictedSeconds,
        observedSeconds,
        100 * (predictedSeconds / observedSeconds - 1));
  }
}
