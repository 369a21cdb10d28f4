package dev.baton.cli;

import dev.baton.kernel.KvWireType;
import java.util.Locale;
import picocli.CommandLine.Option;

/** {@code --wire}: the form in which KV travels. */
final class WireOption {
  @Option(
      names = "--wire",
      paramLabel = "f16|q8",
      defaultValue = "f16",
      description =
          "The form in which KV travels: f16 changes nothing; q8 takes half the bytes and is lossy"
              + " (default: ${DEFAULT-VALUE}).")
  private String wire = "f16";

  KvWireType type() {
    return switch (wire.toLowerCase(Locale.ROOT)) {
      case "f16" -> KvWireType.F16;
      case "q8" -> KvWireType.Q8;
      default -> throw new IllegalArgumentException("--wire takes f16 or q8, not '" + wire + "'");
    };
  }
}
