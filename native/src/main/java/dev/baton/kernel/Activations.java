package dev.baton.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The rows that go into a matrix product: float32, and beside it the quantised forms that the
 * matrices behind it want. The operation that writes the rows also quantises them, so that a
 * backend can do both in one pass.
 *
 * <p>Each quantised form is opaque to all but the backend that made it ({@link
 * Kernels#activations}). One thread at a time.
 */
public final class Activations {
  private final int maxTokens;
  private final int cols;
  private final Set<ActivationKind> kinds;
  private final MemorySegment f32;
  private final @Nullable MemorySegment q8x32;
  private final @Nullable MemorySegment q8x256;

  /**
   * @param maxTokens rows there is room for
   * @param cols floats in a row
   * @param kinds the forms wanted; for {@link ActivationKind#F32} rows there is always room, in
   *     which they are quantised where an operation or its caller puts them there
   * @param q8x32RowBytes bytes the backend wants for one row of {@link ActivationKind#Q8_32}
   * @param q8x256RowBytes the same for {@link ActivationKind#Q8_256}
   * @param arena owns the memory; 64-byte aligned
   */
  public Activations(
      int maxTokens,
      int cols,
      Set<ActivationKind> kinds,
      long q8x32RowBytes,
      long q8x256RowBytes,
      Arena arena) {
    this.maxTokens = maxTokens;
    this.cols = cols;
    this.kinds = kinds.isEmpty() ? EnumSet.noneOf(ActivationKind.class) : EnumSet.copyOf(kinds);
    this.f32 = PageMemory.scratch((long) maxTokens * cols * Float.BYTES, arena);
    this.q8x32 =
        kinds.contains(ActivationKind.Q8_32)
            ? PageMemory.scratch(maxTokens * q8x32RowBytes, arena)
            : null;
    this.q8x256 =
        kinds.contains(ActivationKind.Q8_256)
            ? PageMemory.scratch(maxTokens * q8x256RowBytes, arena)
            : null;
  }

  public int maxTokens() {
    return maxTokens;
  }

  public int cols() {
    return cols;
  }

  public boolean has(ActivationKind kind) {
    return kind == ActivationKind.F32 || kinds.contains(kind);
  }

  /**
   * Whether {@link #f32} is to be read behind an operation that can write quantised rows alone; it
   * holds anything otherwise.
   */
  boolean wantsF32() {
    return kinds.isEmpty() || kinds.contains(ActivationKind.F32);
  }

  /** The rows as float32, (maxTokens, cols). */
  public MemorySegment f32() {
    return f32;
  }

  /** The rows in the backend's own quantised form, or for {@link ActivationKind#F32} the floats. */
  public MemorySegment form(ActivationKind kind) {
    MemorySegment form =
        switch (kind) {
          case F32 -> f32;
          case Q8_32 -> q8x32;
          case Q8_256 -> q8x256;
        };
    if (form == null) {
      throw new IllegalStateException("these activations were not made to hold " + kind);
    }
    return form;
  }
}
