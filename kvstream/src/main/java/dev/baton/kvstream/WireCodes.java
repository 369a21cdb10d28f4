package dev.baton.kvstream;

/** The numbers that stand for enum constants on the wire; they never change. */
final class WireCodes {
  private WireCodes() {}

  static short of(Fidelity fidelity) {
    return switch (fidelity) {
      case EXACT -> 0;
      case TOLERANT -> 1;
    };
  }

  static short of(WireType type) {
    return switch (type) {
      case F16 -> 0;
    };
  }

  static Fidelity fidelity(int code) {
    return switch (code) {
      case 0 -> Fidelity.EXACT;
      case 1 -> Fidelity.TOLERANT;
      default -> throw new MalformedMessage("a node of fidelity " + code);
    };
  }

  static WireType wireType(int code) {
    if (code != 0) {
      throw new MalformedMessage("an order of wire type " + code);
    }
    return WireType.F16;
  }
}
