package dev.baton.kvstream.media;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Makes Java's addresses of the kernel's, and remembers those of the last sources, so that a known
 * source costs no allocation. One thread.
 */
final class SourceAddresses {
  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int PLACES = 64; // a power of two

  // struct sockaddr_in: family, port, address; sockaddr_in6: family, port, flow, address, scope.
  private static final int PORT = 2;
  private static final int ADDRESS4 = 4;
  private static final int ADDRESS6 = 8;
  private static final int SCOPE6 = 24;

  private final @Nullable InetSocketAddress[] known = new InetSocketAddress[PLACES];
  private final long[] heads = new long[PLACES];
  private final long[] middles = new long[PLACES];
  private final long[] tails = new long[PLACES];

  /**
   * The address in a {@code struct sockaddr}, or null when its family is none of the internet's.
   */
  @Nullable InetSocketAddress of(MemorySegment name) {
    int family = name.get(JAVA_SHORT_UNALIGNED, 0);
    if (family != AF_INET && family != AF_INET6) {
      return null;
    }
    boolean isLong = family == AF_INET6;
    // Without the flow's label, which says nothing about who it is.
    long head =
        isLong
            ? Integer.toUnsignedLong(name.get(JAVA_INT_UNALIGNED, 0))
                | ((long) name.get(JAVA_INT_UNALIGNED, SCOPE6) << Integer.SIZE)
            : name.get(JAVA_LONG_UNALIGNED, 0);
    long middle = isLong ? name.get(JAVA_LONG_UNALIGNED, ADDRESS6) : 0;
    long tail = isLong ? name.get(JAVA_LONG_UNALIGNED, ADDRESS6 + Long.BYTES) : 0;
    int place = place(head * 31 + middle * 17 + tail);
    InetSocketAddress found = known[place];
    if (found == null || heads[place] != head || middles[place] != middle || tails[place] != tail) {
      found = made(name, isLong);
      known[place] = found;
      heads[place] = head;
      middles[place] = middle;
      tails[place] = tail;
    }
    return found;
  }

  private static int place(long key) {
    long mixed = key * 0x9E3779B97F4A7C15L;
    return (int) (mixed >>> (Long.SIZE - Integer.numberOfTrailingZeros(PLACES)));
  }

  private static InetSocketAddress made(MemorySegment name, boolean isLong) {
    int port =
        Short.toUnsignedInt(name.get(JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), PORT));
    byte[] address = new byte[isLong ? 16 : 4];
    MemorySegment.copy(name, JAVA_BYTE, isLong ? ADDRESS6 : ADDRESS4, address, 0, address.length);
    try {
      int scope = isLong ? name.get(JAVA_INT_UNALIGNED, SCOPE6) : 0;
      InetAddress plain = InetAddress.getByAddress(address);
      return new InetSocketAddress(
          scope != 0 && plain instanceof Inet6Address
              ? Inet6Address.getByAddress(null, address, scope)
              : plain,
          port);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("no address: " + Arrays.toString(address), e);
    }
  }
}
