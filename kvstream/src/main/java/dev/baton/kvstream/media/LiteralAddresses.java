package dev.baton.kvstream.media;

import io.aeron.driver.NameResolverAgent;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Tells the media driver the addresses that stand in its channels. Names are never looked up: the
 * driver's thread would do nothing else until the name service answers. An IPv6 address keeps its
 * interface, which Aeron's own parser drops, so that link-local ones lead somewhere.
 */
final class LiteralAddresses implements NameResolverAgent {
  private static final Pattern SCOPED = Pattern.compile("\\[([^%\\]]+)%([^\\]]+)](:\\d+)");

  /** A scoped address on its way through Aeron's parser, which takes it for a host's name. */
  private static final Pattern CODED = Pattern.compile("scope-(\\d+)-(\\p{XDigit}{32})");

  @Override
  public String lookup(String name, String uriParamName, boolean isReLookup) {
    Matcher scoped = SCOPED.matcher(name);
    if (!scoped.matches()
        || !(literal(scoped.group(1) + "%" + scoped.group(2)) instanceof Inet6Address six)) {
      return name;
    }
    return "scope-" + six.getScopeId() + "-" + hex(six) + scoped.group(3);
  }

  private static String hex(Inet6Address six) {
    return HexFormat.of().formatHex(six.getAddress());
  }

  @Override
  public @Nullable InetAddress resolve(String name, String uriParamName, boolean isReResolution) {
    Matcher coded = CODED.matcher(name);
    if (!coded.matches()) {
      return literal(name);
    }
    try {
      int scope = Integer.parseInt(coded.group(1));
      return Inet6Address.getByAddress(null, HexFormat.of().parseHex(coded.group(2)), scope);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("an address of 16 bytes", e);
    }
  }

  private static @Nullable InetAddress literal(String name) {
    try {
      return InetAddress.ofLiteral(name);
    } catch (IllegalArgumentException _) {
      return null;
    }
  }
}
