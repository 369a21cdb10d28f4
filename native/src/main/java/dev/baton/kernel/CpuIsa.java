package dev.baton.kernel;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The instruction set levels that the C kernels are built for. The numbers are those of {@code
 * baton.h}.
 */
enum CpuIsa {
  SCALAR(0),
  AVX2(1),
  AVX512(2),
  NEON(3);

  private final int code;

  CpuIsa(int code) {
    this.code = code;
  }

  /** The name that users write and read. */
  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The level's number in C. */
  int code() {
    return code;
  }

  /** The levels in a set of bits as {@code bt_isa_levels} gives it, the fastest first. */
  static List<CpuIsa> fromBits(int bits) {
    List<CpuIsa> levels = new ArrayList<>();
    for (CpuIsa isa : values()) {
      if ((bits >>> isa.code() & 1) != 0) {
        levels.addFirst(isa);
      }
    }
    return levels;
  }
}
