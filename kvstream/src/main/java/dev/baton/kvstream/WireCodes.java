package dev.baton.kvstream;

import dev.baton.kernel.KvWireType;

/** The numbers that stand for enum constants on the wire; they never change. */
final class WireCodes {
  private WireCodes() {}

  static short of(Fidelity fidelity) {
    return switch (fidelity) {
      case EXACT -> 0;
      case TOLERANT -> 1;
    };
  }

  static short of(KvWireType type) {
    return switch (type) {
      case F16 -> 0;
      case Q8 -> 1;
    };
  }

  static Fidelity fidelity(int code) {
    return switch (code) {
      case 0 -> Fidelity.EXACT;
      case 1 -> Fidelity.TOLERANT;
      default -> throw new MalformedMessage("a node of fidelity " + code);
    };
  }

  static KvWireType wireType(int code) {
    return switch (code) {
      case 0 -> KvWireType.F16;
      case 1 -> KvWireType.Q8;
      default -> throw new MalformedMessage("an order of wire type " + code);
    };
  }
}
