package dev.baton.kvstream;

import java.net.Inet6Address;
import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * A host and a port as users write them, not looked up yet: {@code 127.0.0.1:7001}, {@code
 * localhost:7001}, {@code [::1]:7001}, {@code [fe80::1%eth0]:7001}.
 *
 * @param host a name or an address, without brackets
 * @param port 0..65535, 0 for any free one
 */
public record HostPort(String host, int port) {
  private static final String AS_IN = "; write HOST:PORT as in 192.168.1.20:4400";
  private static final String BEHIND_AN_INTERFACE = "[fF][eE][89abAB][0-9a-fA-F:]*%[\\w.-]+";
  private static final int MAX_PORT = 65535;

  /**
   * Reads where a node is to listen; port 0 takes any free one.
   *
   * @throws IllegalArgumentException when it is no host and port, in words for the user
   */
  public static HostPort listening(String text) {
    String host = host(text);
    InetAddress address = address(host, text);
    if (address != null && (address.isMulticastAddress() || isBroadcast(address))) {
      throw new IllegalArgumentException("'" + text + "' is not the address of one machine");
    }
    return new HostPort(host, port(text));
  }

  /**
   * Reads where one node is reached.
   *
   * @throws IllegalArgumentException when it is no host and port, or no one node's
   */
  public static HostPort target(String text) {
    HostPort target = listening(text);
    InetAddress address = address(target.host, text);
    if (target.port == 0) {
      throw new IllegalArgumentException(
          "'" + text + "' names no port: 0 is for listening only; give the port of the node");
    }
    if (address != null && address.isAnyLocalAddress()) {
      throw new IllegalArgumentException(
          "'" + text + "' stands for every address of a machine; give one that leads to the node");
    }
    return target;
  }

  private static String host(String text) {
    int colon = text.lastIndexOf(':');
    if (colon < 1) {
      throw malformed(text);
    }
    String host = text.substring(0, colon);
    boolean bracketed = host.startsWith("[") && host.endsWith("]");
    if (bracketed) {
      host = host.substring(1, host.length() - 1);
    } else if (host.indexOf(':') >= 0) {
      throw new IllegalArgumentException(
          "'"
              + printable(text)
              + "' is no host and port; an IPv6 address stands in brackets, as in"
              + " [::1]:4400");
    }
    boolean isName = !bracketed && host.matches("[A-Za-z0-9._-]+") && host.matches(".*[A-Za-z].*");
    if (!isName && !isLiteral(host, text)) {
      throw malformed(text);
    }
    return host;
  }

  private static boolean isLiteral(String host, String text) {
    return host.matches(BEHIND_AN_INTERFACE) || address(host, text) != null;
  }

  /** The address, where it is one and not a name. */
  private static @Nullable InetAddress address(String host, String text) {
    InetAddress address;
    try {
      address = InetAddress.ofLiteral(host);
    } catch (IllegalArgumentException _) {
      return null;
    }
    if (address instanceof Inet6Address six && six.isLinkLocalAddress() && six.getScopeId() == 0) {
      throw new IllegalArgumentException(lacksInterface(printable(text)));
    }
    return address;
  }

  /** Link-local addresses are the same behind each interface, so they need its name. */
  public static String lacksInterface(String shown) {
    return "'"
        + shown
        + "' is a link-local address: name the interface that leads there, as in "
        + shown.replace("]", "%eth0]");
  }

  private static boolean isBroadcast(InetAddress address) {
    return address.getHostAddress().equals("255.255.255.255");
  }

  private static int port(String text) {
    String digits = text.substring(text.lastIndexOf(':') + 1);
    int port = digits.matches("[0-9]{1,5}") ? Integer.parseInt(digits) : MAX_PORT + 1;
    if (port > MAX_PORT) {
      throw new IllegalArgumentException(
          "'" + printable(text) + "' has no port from 0 to " + MAX_PORT + AS_IN);
    }
    return port;
  }

  private static IllegalArgumentException malformed(String text) {
    return new IllegalArgumentException("'" + printable(text) + "' is no host and port" + AS_IN);
  }

  private static String printable(String text) {
    return text.replaceAll("\\p{Cntrl}", "?");
  }
}
