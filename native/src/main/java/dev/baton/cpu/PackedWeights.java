package dev.baton.cpu;

import dev.baton.kernel.PackedMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A model's packed matrices and the memory they stand in.
 *
 * @param run all of them, one after the other
 * @param matrices by tensor name
 * @param origin where they came from
 * @param notice one line for the user where they could not be kept, or what was kept could not be
 *     used
 * @param watch looks after the file where it is mapped
 */
record PackedWeights(
    MemorySegment run,
    Map<String, PackedMatrix> matrices,
    Origin origin,
    @Nullable String notice,
    @Nullable WeightWatch watch,
    Arena arena)
    implements AutoCloseable {
  /** Where the packed weights of a model came from. */
  enum Origin {
    /** Packed by this process, in memory of its own. */
    PACKED,
    /** The same, and kept in a file for later starts. */
    KEPT,
    /** A copy of the kept file in memory of its own. */
    READ,
    /** The kept file itself, shared with every process that maps it. */
    MAPPED
  }

  PackedWeights withNotice(@Nullable String line) {
    return new PackedWeights(run, matrices, origin, line, watch, arena);
  }

  @Override
  public void close() {
    arena.close();
  }
}
