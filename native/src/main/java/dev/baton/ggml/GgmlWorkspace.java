package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.baton.arch.ModelShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.LongStream;

/**
 * What a pass takes from the host and gives back, in the device's memory, with room for its largest
 * batch: graphs of all shapes use the beginning of it. Taken once, because devices may remember
 * memory that is gone.
 */
final class GgmlWorkspace implements AutoCloseable {
  /** Rows of logits that are computed together. */
  static final int LOGITS_ROWS = 32;

  private final GgmlMemory memory;
  private final long maskElements;
  private final MemorySegment even; // (maxTokens, dim): the input of even layers
  private final MemorySegment odd; // (maxTokens, dim)
  private final MemorySegment slots; // (maxTokens)
  private final MemorySegment rowNumbers; // (maxTokens): 0, 1, 2, ...
  private final MemorySegment positions; // (maxTokens)
  private final MemorySegment wantedRows; // (maxTokens): of the last layer
  private final MemorySegment wantedPositions; // (maxTokens)
  private final MemorySegment wantedResult; // (maxTokens, dim)
  private final MemorySegment masks; // (maskElements)
  private final MemorySegment logitsIn; // (LOGITS_ROWS, dim)
  private final MemorySegment logitsOut; // (LOGITS_ROWS, vocab)

  /**
   * @throws GgmlException when the device has too little memory
   */
  GgmlWorkspace(
      GgmlLibrary ggml,
      GgmlDevice device,
      ModelShape modelShape,
      int maxTokens,
      long maskElements) {
    this.maskElements = maskElements;
    this.memory = new GgmlMemory(ggml, device, 11);
    this.even = memory.matrix(GgmlTensors.F32, modelShape.dim(), maxTokens);
    this.odd = memory.matrix(GgmlTensors.F32, modelShape.dim(), maxTokens);
    this.slots = memory.vector(GgmlTensors.I64, maxTokens);
    this.rowNumbers = memory.vector(GgmlTensors.I64, maxTokens);
    this.positions = memory.vector(GgmlTensors.I32, maxTokens);
    this.wantedRows = memory.vector(GgmlTensors.I32, maxTokens);
    this.wantedPositions = memory.vector(GgmlTensors.I32, maxTokens);
    this.wantedResult = memory.matrix(GgmlTensors.F32, modelShape.dim(), maxTokens);
    this.masks = memory.vector(GgmlTensors.F16, maskElements);
    this.logitsIn = memory.matrix(GgmlTensors.F32, modelShape.dim(), LOGITS_ROWS);
    this.logitsOut = memory.matrix(GgmlTensors.F32, modelShape.vocab(), LOGITS_ROWS);
    memory.allocate("chunks of " + maxTokens + " tokens", true);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment numbers =
          arena.allocateFrom(JAVA_LONG, LongStream.range(0, maxTokens).toArray());
      ggml.backends().tensorSet(rowNumbers, numbers, 0, numbers.byteSize());
    }
  }

  /** What layer {@code index} reads. */
  MemorySegment hidden(int index) {
    return index % 2 == 0 ? even : odd;
  }

  MemorySegment slots() {
    return slots;
  }

  MemorySegment rowNumbers() {
    return rowNumbers;
  }

  MemorySegment positions(boolean onlyWanted) {
    return onlyWanted ? wantedPositions : positions;
  }

  MemorySegment wantedRows() {
    return wantedRows;
  }

  MemorySegment wantedResult() {
    return wantedResult;
  }

  MemorySegment masks() {
    return masks;
  }

  long maskElements() {
    return maskElements;
  }

  MemorySegment logitsIn() {
    return logitsIn;
  }

  MemorySegment logitsOut() {
    return logitsOut;
  }

  @Override
  public void close() {
    memory.close();
  }
}
