package dev.baton.kvstream.media;

import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * Counts what strangers send, and says so once a minute at most, so that an operator sees who was
 * given a wrong key, or who bothers a node. Any thread.
 */
public final class StrangerLog {
  /** What is counted. */
  public enum Kind {
    /** Frames that are none, or none of a node's. */
    GARBAGE(0, "datagrams that are none of a node's", StrangerLog.MANY),
    /** Streams whose source did not show that it receives what it is sent. */
    SILENT(1, "datagrams of sources that proved nothing", StrangerLog.MANY),
    /** Streams for which strangers have no place. */
    NO_PLACE(2, "streams for which strangers have no place", 1),
    /** Sources or greetings with a key that is not this node's. */
    OTHER_KEY(3, "greetings with another cluster key", 1),
    /** Greetings without a key, where this node has one, or the reverse. */
    NO_KEY(4, "greetings where one side has no cluster key", 1);

    private final String words;

    /** So many are worth a line: fewer come of packets that are late or lost. */
    private final int least;

    /** Where it is counted. */
    private final int place;

    Kind(int place, String words, int least) {
      this.place = place;
      this.words = words;
      this.least = least;
    }
  }

  private static final Kind[] KINDS = Kind.values();
  private static final int MANY = 16;
  private static final long QUIET_NS = TimeUnit.MINUTES.toNanos(1);

  private final Consumer<String> log;
  private final NanoClock clock;
  private final long[] counts = new long[KINDS.length]; // by place, as the next
  private final @Nullable InetSocketAddress[] last = new InetSocketAddress[KINDS.length];
  private long startNs;
  private boolean hasSpoken;

  /**
   * @param log takes a line for an operator
   */
  public StrangerLog(Consumer<String> log, NanoClock clock) {
    this.log = log;
    this.clock = clock;
    this.startNs = clock.nanoTime();
  }

  /** Counts one. */
  public void note(Kind kind, InetSocketAddress from) {
    @Nullable String line;
    synchronized (this) {
      long count = ++counts[kind.place];
      last[kind.place] = from;
      line = count == kind.least || hasSpoken ? due() : null;
    }
    if (line != null) {
      log.accept(line);
    }
  }

  /** A source proved itself after it was counted as {@link Kind#SILENT}. */
  synchronized void takeBack() {
    counts[Kind.SILENT.place] = Math.max(0, counts[Kind.SILENT.place] - 1);
  }

  /** Says what was counted and not said yet, a minute after the last time. */
  public void sayWhatIsDue() {
    @Nullable String line;
    synchronized (this) {
      line = due();
    }
    if (line != null) {
      log.accept(line);
    }
  }

  private @Nullable String due() {
    long nowNs = clock.nanoTime();
    if (nowNs - startNs < QUIET_NS && hasSpoken) {
      return null;
    }
    StringBuilder line = new StringBuilder();
    for (Kind kind : KINDS) {
      long count = counts[kind.place];
      if (count >= kind.least) {
        line.append(line.isEmpty() ? "strangers at this node: " : "; ")
            .append(count)
            .append(' ')
            .append(kind.words)
            .append(", the last from ")
            .append(String.valueOf(last[kind.place]).replaceFirst("^.*/", ""));
      }
    }
    if (nowNs - startNs >= QUIET_NS || !line.isEmpty()) {
      Arrays.fill(counts, 0);
      startNs = nowNs;
    }
    if (line.isEmpty()) {
      return null;
    }
    hasSpoken = true;
    return line.toString();
  }
}
