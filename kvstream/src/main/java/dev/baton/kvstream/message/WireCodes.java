package dev.baton.kvstream.message;

import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.Capability;
import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.Stage;
import dev.baton.kvstream.Urgency;
import java.util.EnumSet;
import java.util.Set;

/** The numbers that stand for enum constants on the wire; they never change. */
public final class WireCodes {
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

  static short of(Stage.Rows rows) {
    return switch (rows) {
      case NONE -> 0;
      case LAST -> 1;
      case ALL -> 2;
    };
  }

  static short of(Urgency.Priority priority) {
    return switch (priority) {
      case PEOPLE -> 0;
      case BACKGROUND -> 1;
    };
  }

  static Stage.Rows rows(int code) {
    return switch (code) {
      case 0 -> Stage.Rows.NONE;
      case 1 -> Stage.Rows.LAST;
      case 2 -> Stage.Rows.ALL;
      default -> throw new MalformedMessage("an order of rows " + code);
    };
  }

  static Urgency.Priority priority(int code) {
    return switch (code) {
      case 0 -> Urgency.Priority.PEOPLE;
      case 1 -> Urgency.Priority.BACKGROUND;
      default -> throw new MalformedMessage("an order of priority " + code);
    };
  }

  /** What a node promises, from its number. */
  public static Fidelity fidelity(int code) {
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

  /** As a bit set. */
  static long bits(Set<Capability> capabilities) {
    long bits = 0;
    for (Capability capability : capabilities) {
      bits |= 1L << capability.bit();
    }
    return bits;
  }

  /** From a bit set; what a later version has beside is left out. */
  public static Set<Capability> capabilities(long bits) {
    EnumSet<Capability> known = EnumSet.noneOf(Capability.class);
    for (Capability capability : Capability.values()) {
      if ((bits >>> capability.bit() & 1) != 0) {
        known.add(capability);
      }
    }
    return known;
  }
}
