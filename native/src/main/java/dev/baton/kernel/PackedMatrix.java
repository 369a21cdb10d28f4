package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.MemorySegment;

/**
 * A weight matrix in the layout of the backend that packed it.
 *
 * @param type the type of the GGUF tensor it came from
 * @param rows output features
 * @param cols input features, a whole number of the type's blocks
 * @param data the backend's bytes: row-interleaved panels for {@link NativeKernels}, the file's own
 *     rows for {@link ReferenceKernels}
 */
public record PackedMatrix(GgmlType type, int rows, int cols, MemorySegment data) {
  public PackedMatrix {
    if (rows < 1 || cols < 1 || cols % type.blockElements() != 0) {
      throw new IllegalArgumentException(
          "no matrix of " + type + " has " + rows + " rows and " + cols + " columns");
    }
  }
}
