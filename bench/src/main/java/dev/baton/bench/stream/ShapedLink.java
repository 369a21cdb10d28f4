package dev.baton.bench.stream;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The loopback device of a network namespace of its own, slowed down by tc's token bucket. The
 * namespace has no name: it is gone when its last process is, whatever ended that.
 *
 * <p>The bucket's queue holds more than a sender may have under way (a window of 2 MiB), so it
 * never overflows: what slows the sender down is Aeron's window, not loss. Both directions share
 * the one queue.
 *
 * @param bitsPerSecond the rate, Ethernet headers included
 * @param deviceMtuBytes the device's MTU
 */
public record ShapedLink(long bitsPerSecond, int deviceMtuBytes) {
  private static final int QUEUE_BYTES = 8 << 20;
  private static final int LOOPBACK_MTU_BYTES = 65536;
  private static final int MIN_BURST_BYTES = 128 << 10;

  /** What may leave at once after the timer came late: two milliseconds of it. */
  private static final long BURSTS_A_SECOND = 500;

  /** Of this network namespace alone. */
  private static final Path UDP_COUNTERS = Path.of("/proc/net/snmp");

  private static final Pattern DROPPED = Pattern.compile("dropped (\\d+)");

  /** The device for Aeron's MTU: Ethernet's where the datagrams fit it, else loopback's own. */
  static ShapedLink at(long bitsPerSecond, int mtuBytes) {
    return new ShapedLink(bitsPerSecond, mtuBytes <= 1472 ? 1500 : LOOPBACK_MTU_BYTES);
  }

  /** The rate on loopback's own MTU, which no datagram of Aeron's is larger than. */
  public static ShapedLink at(long bitsPerSecond) {
    return new ShapedLink(bitsPerSecond, LOOPBACK_MTU_BYTES);
  }

  double bytesPerSecond() {
    return bitsPerSecond / 8.0;
  }

  /** Why namespaces or shaping cannot be had here, or null. */
  public static @Nullable String whyMissing() {
    String probe = new ShapedLink(1_000_000_000L, 65536).script() + " && true";
    try {
      Output output = Output.of(List.of("unshare", flags(), "sh", "-c", probe));
      return output.status == 0
          ? null
          : "a network namespace with a shaped link needs root, or user namespaces, and ip and tc"
              + " ("
              + output.firstLine()
              + ")";
    } catch (IOException e) {
      return "network namespaces need Linux with unshare, ip and tc (util-linux, iproute2)";
    }
  }

  /** Words to put before a command so that it runs in a namespace with this link. */
  public List<String> prefix() {
    return List.of("unshare", flags(), "sh", "-c", script() + " && exec \"$@\"", "sh");
  }

  /** Words to put before a command so that it runs in a namespace whose link is not shaped yet. */
  static List<String> unshapedPrefix() {
    return List.of("unshare", flags(), "sh", "-c", "ip link set lo up && exec \"$@\"", "sh");
  }

  private static String flags() {
    return "root".equals(System.getProperty("user.name")) ? "-n" : "-rn";
  }

  private String script() {
    return "ip link set lo mtu " + deviceMtuBytes + " up && " + String.join(" ", bucket("add"));
  }

  /** Shapes the loopback device of the namespace that this process is in. */
  void apply() throws IOException {
    Output output = Output.of(bucket("replace"));
    if (output.status != 0) {
      throw new IOException("tc cannot shape the link: " + output.firstLine());
    }
  }

  /** Takes the shaping of this namespace's loopback away, where there is any. */
  static void unshaped() throws IOException {
    Output.of(List.of("tc", "qdisc", "del", "dev", "lo", "root"));
  }

  private List<String> bucket(String verb) {
    long burst = Math.max(MIN_BURST_BYTES, bitsPerSecond / 8 / BURSTS_A_SECOND);
    String words =
        "tc qdisc "
            + verb
            + " dev lo root tbf rate "
            + bitsPerSecond
            + "bit burst "
            + burst
            + " limit "
            + QUEUE_BYTES;
    return List.of(words.split(" "));
  }

  /** Datagrams lost in this namespace so far, in the link's queue or for want of buffer. */
  static long lost() throws IOException {
    Matcher queue =
        DROPPED.matcher(Output.of(List.of("tc", "-s", "qdisc", "show", "dev", "lo")).text);
    long dropped = queue.find() ? Long.parseLong(queue.group(1)) : 0;
    List<String[]> udp =
        Files.readAllLines(UDP_COUNTERS).stream()
            .filter(line -> line.startsWith("Udp: "))
            .map(line -> line.split(" "))
            .toList();
    int column = Arrays.asList(udp.getFirst()).indexOf("RcvbufErrors");
    return dropped + Long.parseLong(udp.getLast()[column]);
  }

  private record Output(int status, String text) {
    static Output of(List<String> command) throws IOException {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getOutputStream().close();
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      try {
        return new Output(process.waitFor(), text);
      } catch (InterruptedException e) {
        process.destroy();
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }

    String firstLine() {
      return text.lines().findFirst().orElse("no reason given");
    }
  }
}
