package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class SourceAddressesTest {
  private final SourceAddresses addresses = new SourceAddresses();

  /** A {@code struct sockaddr_in6}, or of another family. */
  private static MemorySegment name(int family, int port, byte[] address, int scope) {
    ByteBuffer bytes = ByteBuffer.allocate(MessageHeader.NAME_BYTES);
    bytes.order(ByteOrder.LITTLE_ENDIAN).putShort((short) family);
    bytes.order(ByteOrder.BIG_ENDIAN).putShort((short) port);
    bytes.position(address.length == 4 ? 4 : 8).put(address);
    bytes.order(ByteOrder.LITTLE_ENDIAN).putInt(24, scope);
    return Arena.ofAuto()
        .allocate(MessageHeader.NAME_BYTES)
        .copyFrom(MemorySegment.ofArray(bytes.array()));
  }

  @Test
  void shouldReadAddressesOfBothFamilies() throws Exception {
    InetAddress four = InetAddress.getByName("10.1.2.200");
    assertEquals(
        new InetSocketAddress(four, 65_000), addresses.of(name(2, 65_000, four.getAddress(), 0)));
    InetAddress six = InetAddress.getByName("fe80::1:2");
    InetSocketAddress read = addresses.of(name(10, 7, six.getAddress(), 3));
    assertEquals(new InetSocketAddress(six, 7), read);
    assertEquals(3, ((Inet6Address) read.getAddress()).getScopeId());
    assertEquals(
        4,
        ((Inet6Address) addresses.of(name(10, 7, six.getAddress(), 4)).getAddress()).getScopeId());
    assertNull(addresses.of(name(1, 7, six.getAddress(), 0)));
  }

  @Test
  void shouldKnowASourceAgain() {
    for (int i = 0; i < 1000; i++) {
      byte[] address = {127, 0, (byte) (i >> 8), (byte) i};
      InetSocketAddress read = addresses.of(name(2, 1000 + i, address, 0));
      assertEquals(1000 + i, read.getPort());
      assertEquals(i & 0xFF, read.getAddress().getAddress()[3] & 0xFF);
      assertSame(read, addresses.of(name(2, 1000 + i, address, 0)));
    }
  }
}
