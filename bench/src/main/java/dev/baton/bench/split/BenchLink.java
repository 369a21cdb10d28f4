package dev.baton.bench.split;

import dev.baton.bench.stream.ShapedLink;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A link between two nodes of one machine.
 *
 * @param name as it was asked for
 * @param shaped its rate, or null for loopback as it is
 */
record BenchLink(String name, @Nullable ShapedLink shaped) {
  private static final String LOOPBACK = "lo";
  private static final Pattern RATE = Pattern.compile("(\\d{1,6}(?:\\.\\d{1,3})?)([mg])bit");
  private static final double LEAST_BITS = 1e6;
  private static final double MOST_BITS = 1e11;

  /**
   * Reads {@code lo}, {@code 100mbit}, {@code 2.5gbit}.
   *
   * @throws IllegalArgumentException for anything else
   */
  static BenchLink parse(String text) {
    if (text.equals(LOOPBACK)) {
      return new BenchLink(text, null);
    }
    Matcher rate = RATE.matcher(text);
    if (rate.matches()) {
      double bits = Double.parseDouble(rate.group(1)) * (rate.group(2).equals("g") ? 1e9 : 1e6);
      if (bits >= LEAST_BITS && bits <= MOST_BITS) {
        return new BenchLink(text, ShapedLink.at((long) bits));
      }
    }
    throw new IllegalArgumentException(
        "'" + text + "' is no link: use lo, or a rate from 1mbit to 100gbit such as 100mbit");
  }

  /** Why it cannot be had here, or null. */
  @Nullable String whyMissing() {
    return shaped == null ? null : ShapedLink.whyMissing();
  }

  /** Words to put before a command so that it runs beside this link. */
  List<String> prefix() {
    return shaped == null ? List.of() : shaped.prefix();
  }
}
