package dev.baton.kvstream.media;

import dev.baton.kvstream.HostPort;
import dev.baton.kvstream.StreamException;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.channels.DatagramChannel;
import java.util.Arrays;
import java.util.List;

/**
 * A host and a port, as users write them: {@code 127.0.0.1:7001}, {@code localhost:7001}, {@code
 * [::1]:7001}, {@code [fe80::1%eth0]:7001}.
 *
 * @param address the resolved address
 * @param port 0..65535, 0 for any free one
 */
public record Endpoint(InetAddress address, int port) {
  public Endpoint {
    if (port < 0 || port > 65535) {
      throw new StreamException("a port is a number from 0 to 65535, got " + port);
    }
  }

  /**
   * Reads what a user wrote; a host name is resolved, which may take as long as the name service
   * does.
   */
  public static Endpoint parse(String text) {
    return parseAll(text).getFirst();
  }

  /** The same with all addresses that a host name has, as the name service orders them. */
  public static List<Endpoint> parseAll(String text) {
    HostPort named = named(text);
    try {
      return Arrays.stream(InetAddress.getAllByName(named.host()))
          .map(address -> new Endpoint(address, named.port()))
          .map(Endpoint::withKnownScope)
          .toList();
    } catch (UnknownHostException e) {
      throw StreamException.noAnswer(
          "no address is known for "
              + named.host()
              + ": check the name and the network, or give the address itself",
          e);
    }
  }

  private static HostPort named(String text) {
    try {
      return HostPort.listening(text);
    } catch (IllegalArgumentException e) {
      throw new StreamException(String.valueOf(e.getMessage()), e);
    }
  }

  /** Every address of this machine, of the peer's family, at any free port. */
  public static Endpoint anyTo(Endpoint peer) {
    String any = peer.address instanceof Inet6Address ? "::" : "0.0.0.0";
    return new Endpoint(InetAddress.ofLiteral(any), 0);
  }

  /** Reads what a peer or the media driver said: an address, never a name to look up. */
  public static Endpoint parseLiteral(String text) {
    int colon = Math.max(0, text.lastIndexOf(':'));
    String host = text.substring(0, colon);
    boolean bracketed = host.startsWith("[") && host.endsWith("]");
    try {
      return new Endpoint(
          InetAddress.ofLiteral(bracketed ? host.substring(1, host.length() - 1) : host),
          Integer.parseInt(text.substring(colon + 1)));
    } catch (IllegalArgumentException e) {
      throw new StreamException("not an address and a port: " + text, e);
    }
  }

  /** Reads how Aeron names a stream's source, an IPv6 address without brackets. */
  public static Endpoint parseSource(String text) {
    int colon = text.lastIndexOf(':');
    boolean six = text.indexOf(':') != colon && !text.startsWith("[");
    return parseLiteral(six ? "[" + text.substring(0, colon) + "]" + text.substring(colon) : text);
  }

  /** A name may stand for a link-local address too. */
  private Endpoint withKnownScope() {
    if (address instanceof Inet6Address six && six.isLinkLocalAddress() && six.getScopeId() == 0) {
      throw new StreamException(HostPort.lacksInterface(toString()));
    }
    return this;
  }

  /** True when one node can be reached by it. */
  public boolean isOneNode() {
    return port != 0 && !address.isMulticastAddress() && !address.isAnyLocalAddress();
  }

  /**
   * This endpoint as another machine is told of it: the number of an interface says nothing there.
   */
  public Endpoint withoutScope() {
    return rescoped(0);
  }

  /** What a peer said is its endpoint, seen from here: behind the interface that it spoke by. */
  public Endpoint behind(Endpoint source) {
    return source.address instanceof Inet6Address six ? rescoped(six.getScopeId()) : this;
  }

  private Endpoint rescoped(int scope) {
    if (!(address instanceof Inet6Address six) || !six.isLinkLocalAddress()) {
      return this;
    }
    try {
      return new Endpoint(Inet6Address.getByAddress(null, six.getAddress(), scope), port);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("an address of 16 bytes", e);
    }
  }

  /** Of this machine only. */
  public boolean isLoopback() {
    return address.isLoopbackAddress();
  }

  /**
   * This endpoint of ours as a peer reaches it: when it is every address of this machine, the one
   * that leads to the peer.
   */
  public Endpoint asSeenFrom(Endpoint peer) {
    if (!address.isAnyLocalAddress()) {
      return this;
    }
    try (DatagramChannel probe = DatagramChannel.open()) {
      // Connecting a UDP socket sends nothing; it makes the system choose the way.
      probe.connect(peer.socketAddress());
      return new Endpoint(((InetSocketAddress) probe.getLocalAddress()).getAddress(), port);
    } catch (IOException e) {
      throw new StreamException(
          "there is no way from this machine to "
              + peer
              + " ("
              + e.getMessage()
              + "): check the address and the network",
          e);
    }
  }

  /** As sockets take it. */
  public InetSocketAddress socketAddress() {
    return new InetSocketAddress(address, port);
  }

  /** {@code address:port}, an IPv6 address in brackets. */
  @Override
  public String toString() {
    String host = address.getHostAddress();
    return (host.indexOf(':') >= 0 ? "[" + shortened(host) + "]" : host) + ":" + port;
  }

  private static String shortened(String six) {
    int scope = six.indexOf('%');
    String host = scope < 0 ? six : six.substring(0, scope);
    String brief = host.replaceFirst("(^|:)0(:0)+(:|$)", "::");
    return scope < 0 ? brief : brief + six.substring(scope);
  }
}
