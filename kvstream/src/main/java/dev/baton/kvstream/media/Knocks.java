package dev.baton.kvstream.media;

import java.net.InetSocketAddress;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * Counts what strangers send, and says so once a minute at most, so that an operator sees who was
 * given a wrong key, or who bothers a node. Any thread.
 */
public final class Knocks {
  /** What is counted. */
  public enum Kind {
    /** Frames that are none, or none of a node's. */
    GARBAGE("datagrams that are none of a node's", Knocks.MANY),
    /** Streams whose source did not show that it receives what it is sent. */
    SILENT("datagrams of sources that proved nothing", Knocks.MANY),
    /** Streams for which strangers have no place. */
    NO_PLACE("streams for which strangers have no place", 1),
    /** Sources or greetings with a key that is not this node's. */
    OTHER_KEY("greetings with another cluster key", 1),
    /** Greetings without a key, where this node has one, or the reverse. */
    NO_KEY("greetings where one side has no cluster key", 1);

    private final String words;

    /** So many are worth a line: fewer come of packets that are late or lost. */
    private final int least;

    Kind(String words, int least) {
      this.words = words;
      this.least = least;
    }
  }

  private static final int MANY = 16;
  private static final long QUIET_NS = TimeUnit.MINUTES.toNanos(1);

  private final Consumer<String> log;
  private final NanoClock clock;
  private final Map<Kind, Long> counts = new EnumMap<>(Kind.class);
  private final Map<Kind, InetSocketAddress> last = new EnumMap<>(Kind.class);
  private long startNs;
  private boolean hasSpoken;

  /**
   * @param log takes a line for an operator
   */
  public Knocks(Consumer<String> log, NanoClock clock) {
    this.log = log;
    this.clock = clock;
    this.startNs = clock.nanoTime();
  }

  /** Counts one. */
  public void note(Kind kind, InetSocketAddress from) {
    @Nullable String line;
    synchronized (this) {
      long count = counts.getOrDefault(kind, 0L) + 1;
      counts.put(kind, count);
      last.put(kind, from);
      line = count == kind.least || hasSpoken ? due() : null;
    }
    if (line != null) {
      log.accept(line);
    }
  }

  /** A source proved itself after it was counted as {@link Kind#SILENT}. */
  synchronized void takeBack() {
    counts.computeIfPresent(Kind.SILENT, (kind, count) -> count > 1 ? count - 1 : null);
  }

  /** Says what was counted and not said yet, a minute after the last time. */
  public void sayWhatIsDue() {
    @Nullable String line;
    synchronized (this) {
      line = counts.isEmpty() ? null : due();
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
    counts.forEach((kind, count) -> {
      if (count >= kind.least) {
        line.append(line.isEmpty() ? "strangers at this node: " : "; ")
            .append(count)
            .append(' ')
            .append(kind.words)
            .append(", the last from ")
            .append(String.valueOf(last.get(kind)).replaceFirst("^.*/", ""));
      }
    });
    if (nowNs - startNs >= QUIET_NS || !line.isEmpty()) {
      counts.clear();
      startNs = nowNs;
    }
    if (line.isEmpty()) {
      return null;
    }
    hasSpoken = true;
    return line.toString();
  }
}
