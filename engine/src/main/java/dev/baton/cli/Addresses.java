package dev.baton.cli;

import dev.baton.kvstream.HostPort;
import java.util.function.Function;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** HOST:PORT on a command line: read before anything is opened, looked up when it is used. */
final class Addresses {
  private Addresses() {}

  /** Where this process is to listen. */
  static final class Listening implements ITypeConverter<String> {
    @Override
    public String convert(String text) {
      return checked(text, HostPort::listening);
    }
  }

  /** Where one node is reached. */
  static final class OfNode implements ITypeConverter<String> {
    @Override
    public String convert(String text) {
      return checked(text, HostPort::target);
    }
  }

  private static String checked(String text, Function<String, HostPort> reading) {
    try {
      HostPort _ = reading.apply(text);
      return text;
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
