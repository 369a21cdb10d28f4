package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.baton.arch.ModelShape;
import dev.baton.kv.KvSequence;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * What the graphs of one shape use of a {@link GgmlWorkspace}: hidden rows, which go from layer to
 * layer between two tensors, positions, slots, and which keys each row sees.
 */
final class GgmlInputs implements AutoCloseable {
  /** Some releases want masks of whole runs of so many rows. */
  private static final int MASK_ROWS = 64;

  private static final int TENSORS = 7;

  /**
   * What is said of the rows that attention is computed for: all of the batch, or in the last layer
   * the wanted ones.
   *
   * @param positions (rows)
   * @param masks (rows, kvSlots) of each run; NULL for a run without such rows
   */
  record Queries(MemorySegment positions, List<MemorySegment> masks) {}

  private final GgmlTensors ggml;
  private final GgmlBackends backends;
  private final GgmlShape shape;
  private final MemorySegment context;
  private final MemorySegment even; // (rows, dim): the input of even layers
  private final MemorySegment odd; // (rows, dim)
  private final MemorySegment slots; // (rows)
  private final MemorySegment rowNumbers; // of any batch
  private final MemorySegment wantedRows; // (wanted): of the last layer
  private final MemorySegment wantedResult; // (wanted, dim)
  private final Queries all;
  private final Queries wanted;
  private long usedMaskElements;

  GgmlInputs(GgmlLibrary library, ModelShape modelShape, GgmlShape shape, GgmlWorkspace workspace) {
    this.ggml = library.tensors();
    this.backends = library.backends();
    this.shape = shape;
    this.context = ggml.init((TENSORS + 2L * shape.runs().size() + 1) * ggml.tensorOverhead());
    int most = Math.max(1, shape.wanted());
    long rowBytes = (long) modelShape.dim() * Float.BYTES;
    this.even = view(workspace.hidden(0), modelShape.dim(), shape.rows(), rowBytes);
    this.odd = view(workspace.hidden(1), modelShape.dim(), shape.rows(), rowBytes);
    this.slots = view(workspace.slots(), shape.rows(), 1, shape.rows() * (long) Long.BYTES);
    this.rowNumbers = workspace.rowNumbers();
    this.wantedRows = view(workspace.wantedRows(), most, 1, most * (long) Integer.BYTES);
    this.wantedResult = view(workspace.wantedResult(), modelShape.dim(), most, rowBytes);
    this.all = queries(workspace, shape.rows(), false);
    this.wanted = queries(workspace, most, true);
  }

  private MemorySegment view(MemorySegment whole, long cols, long rows, long rowBytes) {
    return ggml.view2d(context, whole, cols, rows, rowBytes, 0);
  }

  private Queries queries(GgmlWorkspace workspace, int rows, boolean onlyWanted) {
    MemorySegment positions =
        view(workspace.positions(onlyWanted), rows, 1, rows * (long) Integer.BYTES);
    List<MemorySegment> masks = new ArrayList<>();
    for (GgmlShape.Run run : shape.runs()) {
      int maskRows = maskRows(run.rows(onlyWanted));
      if (maskRows == 0) {
        masks.add(MemorySegment.NULL);
        continue;
      }
      masks.add(
          ggml.view2d(
              context,
              workspace.masks(),
              run.kvSlots(),
              maskRows,
              (long) run.kvSlots() * Short.BYTES,
              usedMaskElements * Short.BYTES));
      usedMaskElements += (long) maskRows * run.kvSlots();
    }
    return new Queries(positions, masks);
  }

  private static int maskRows(int rows) {
    return (rows + MASK_ROWS - 1) / MASK_ROWS * MASK_ROWS;
  }

  /** Elements of all masks of a shape. */
  static long maskElements(GgmlShape shape) {
    long elements = 0;
    for (GgmlShape.Run run : shape.runs()) {
      elements += (long) run.kvSlots() * (maskRows(run.rows()) + maskRows(run.wanted()));
    }
    return elements;
  }

  GgmlShape shape() {
    return shape;
  }

  /** What layer {@code index} reads. */
  MemorySegment hidden(int index) {
    return index % 2 == 0 ? even : odd;
  }

  /** What it writes. */
  MemorySegment result(int index, boolean onlyWanted) {
    return onlyWanted ? wantedResult : hidden(index + 1);
  }

  /** Where the rows' KV goes. */
  MemorySegment slots() {
    return slots;
  }

  /** Numbers of the wanted rows in the batch. */
  MemorySegment wantedRows() {
    return wantedRows;
  }

  /** The numbers of rows [first, first + count), described in a graph's context. */
  MemorySegment rowNumbers(MemorySegment ctx, int first, int count) {
    long bytes = count * (long) Long.BYTES;
    return ggml.view2d(ctx, rowNumbers, count, 1, bytes, first * (long) Long.BYTES);
  }

  Queries queries(boolean onlyWanted) {
    return onlyWanted ? wanted : all;
  }

  /**
   * Says of each row where it stands, where its KV goes and which keys it sees.
   *
   * @param reads what each run reads
   * @param masks bring the masks there
   */
  void set(TokenBatch batch, List<GgmlReads> reads, GgmlMasks masks) {
    boolean someUnwanted = shape.wanted() < shape.rows();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment slot = arena.allocate(JAVA_LONG, shape.rows());
      for (int run = 0; run < batch.runs(); run++) {
        KvSequence sequence = batch.sequence(run);
        for (int i = 0; i < batch.runTokens(run); i++) {
          slot.setAtIndex(
              JAVA_LONG, batch.firstRow(run) + i, sequence.slot(batch.firstPosition(run) + i));
        }
      }
      backends.tensorSet(slots, slot, 0, slot.byteSize());
      setQueries(batch, reads, false, masks, arena);
      if (someUnwanted && shape.wanted() > 0) {
        setQueries(batch, reads, true, masks, arena);
        setWantedRows(batch, arena);
      }
    }
  }

  private void setWantedRows(TokenBatch batch, Arena arena) {
    MemorySegment rows = arena.allocate(JAVA_INT, shape.wanted());
    int at = 0;
    for (int run = 0; run < batch.runs(); run++) {
      int end = batch.firstRow(run) + batch.runTokens(run);
      for (int row = end - batch.runWanted(run); row < end; row++) {
        rows.setAtIndex(JAVA_INT, at++, row);
      }
    }
    backends.tensorSet(wantedRows, rows, 0, rows.byteSize());
  }

  /** The last rows of each run: their positions, and that each sees the tokens up to its own. */
  private void setQueries(
      TokenBatch batch, List<GgmlReads> reads, boolean onlyWanted, GgmlMasks masks, Arena arena) {
    Queries queries = queries(onlyWanted);
    MemorySegment positions = arena.allocate(JAVA_INT, onlyWanted ? shape.wanted() : shape.rows());
    int row = 0;
    for (int run = 0; run < batch.runs(); run++) {
      int count = shape.runs().get(run).rows(onlyWanted);
      if (count == 0) {
        continue;
      }
      int first = batch.firstPosition(run) + batch.runTokens(run) - count;
      for (int i = 0; i < count; i++) {
        positions.setAtIndex(JAVA_INT, row++, first + i);
      }
      masks.set(queries.masks().get(run), first, count, reads.get(run).stretches());
    }
    backends.tensorSet(queries.positions(), positions, 0, positions.byteSize());
  }

  @Override
  public void close() {
    ggml.free(context);
  }
}
