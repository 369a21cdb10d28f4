package dev.baton.kvstream;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.channels.DatagramChannel;

/**
 * A host and a port, as users write them: {@code 127.0.0.1:7001}, {@code localhost:7001}, {@code
 * [::1]:7001}.
 *
 * @param address the resolved address
 * @param port 0..65535, 0 for any free one
 */
record Endpoint(InetAddress address, int port) {
  Endpoint {
    if (port < 0 || port > 65535) {
      throw new StreamException("a port is a number from 0 to 65535, got " + port);
    }
  }

  /** Reads what a user wrote; a host name is resolved. */
  static Endpoint parse(String text) {
    String host = host(text);
    try {
      return new Endpoint(InetAddress.getByName(host), port(text));
    } catch (UnknownHostException e) {
      throw new StreamException(
          "no address is known for " + host + ": write host:port, as in 127.0.0.1:7001", e);
    }
  }

  /** Reads what a peer sent: an address, never a name to look up. */
  static Endpoint parseLiteral(String text) {
    try {
      return new Endpoint(InetAddress.ofLiteral(host(text)), port(text));
    } catch (IllegalArgumentException e) {
      throw new StreamException("not an address and a port: " + text, e);
    }
  }

  private static String host(String text) {
    int colon = text.lastIndexOf(':');
    if (colon < 1) {
      throw new StreamException(
          "not a host and a port: '" + text + "': write them as in 127.0.0.1:7001");
    }
    String host = text.substring(0, colon);
    boolean bracketed = host.startsWith("[") && host.endsWith("]");
    if (host.indexOf(':') >= 0 && !bracketed) {
      throw new StreamException(
          "not a host and a port: '" + text + "': an IPv6 address stands in brackets, [::1]:7001");
    }
    return bracketed ? host.substring(1, host.length() - 1) : host;
  }

  private static int port(String text) {
    try {
      return Integer.parseInt(text.substring(text.lastIndexOf(':') + 1));
    } catch (NumberFormatException e) {
      throw new StreamException(
          "not a host and a port: '" + text + "': write them as in 127.0.0.1:7001", e);
    }
  }

  /** True when one node can be reached by it. */
  boolean isOneNode() {
    return port != 0 && !address.isMulticastAddress() && !address.isAnyLocalAddress();
  }

  boolean isLoopback() {
    return address.isLoopbackAddress();
  }

  /**
   * This endpoint of ours as a peer reaches it: when it is every address of this machine, the one
   * that leads to the peer.
   */
  Endpoint asSeenFrom(Endpoint peer) {
    if (!address.isAnyLocalAddress()) {
      return this;
    }
    try (DatagramChannel probe = DatagramChannel.open()) {
      // Connecting a UDP socket sends nothing; it makes the system choose the way.
      probe.connect(peer.socketAddress());
      return new Endpoint(((InetSocketAddress) probe.getLocalAddress()).getAddress(), port);
    } catch (IOException e) {
      throw new StreamException("there is no way to " + peer + ": " + e.getMessage(), e);
    }
  }

  InetSocketAddress socketAddress() {
    return new InetSocketAddress(address, port);
  }

  /** {@code address:port}, an IPv6 address in brackets. */
  @Override
  public String toString() {
    String host = address.getHostAddress();
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }
}
