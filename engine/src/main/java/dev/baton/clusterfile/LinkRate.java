package dev.baton.clusterfile;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Cables by name, and what one direction of them carries in use: Ethernet 92 to 94 % of its name's
 * bits, Thunderbolt what was measured between two machines.
 */
enum LinkRate {
  GBE_1("1gbe", 0.1175e9),
  GBE_2_5("2.5gbe", 0.294e9),
  GBE_5("5gbe", 0.58e9),
  GBE_10("10gbe", 1.15e9),
  GBE_25("25gbe", 2.875e9),
  GBE_40("40gbe", 4.6e9),
  GBE_100("100gbe", 11.5e9),
  THUNDERBOLT_4("thunderbolt4", 2.05e9),
  THUNDERBOLT_5("thunderbolt5", 6.9e9);

  private final String word;
  private final double bytesPerSecond;

  LinkRate(String word, double bytesPerSecond) {
    this.word = word;
    this.bytesPerSecond = bytesPerSecond;
  }

  /** A cable by its name. */
  static Optional<LinkRate> of(String word) {
    return Arrays.stream(values()).filter(rate -> rate.word.equalsIgnoreCase(word)).findFirst();
  }

  /** All names, slowest first. */
  static List<String> words() {
    return Arrays.stream(values()).map(rate -> rate.word).toList();
  }

  double bytesPerSecond() {
    return bytesPerSecond;
  }
}
