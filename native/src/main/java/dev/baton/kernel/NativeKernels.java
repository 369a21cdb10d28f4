package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;

/**
 * Baton's C kernels. Weights are packed into panels of 32 rows; an operation is shared by a pool of
 * threads, and when two callers meet, the second does its own alone.
 */
public final class NativeKernels implements Kernels {
  /** Rows of a packed panel. */
  private static final int PANEL_ROWS = 32;

  /** Records are whole cache lines. */
  private static final long LINE_BYTES = 64;

  private final CpuIsa isa;
  private final int threads;
  private volatile MemorySegment context; // a null pointer once closed

  private NativeKernels(CpuIsa isa, int threads, MemorySegment context) {
    this.isa = isa;
    this.threads = threads;
    this.context = context;
  }

  /** Why there are no C kernels here and what to do, or nothing where there are. */
  public static Optional<String> whyMissing() {
    return NativeLibrary.whyMissing();
  }

  /** The levels that this machine can run, the fastest first; empty without C kernels. */
  public static List<String> levels() {
    return whyMissing().isPresent()
        ? List.of()
        : machineLevels().stream().map(CpuIsa::label).toList();
  }

  private static List<CpuIsa> machineLevels() {
    return CpuIsa.fromBits(BatonCalls.isaLevels());
  }

  /**
   * Starts the threads.
   *
   * @throws IllegalStateException if {@link #whyMissing} has a reason, or if no threads can be had
   * @throws IllegalArgumentException if {@code config.isa()} is no level of this machine
   */
  public static NativeKernels open(KernelsConfig config) {
    Optional<String> missing = whyMissing();
    if (missing.isPresent()) {
      throw new IllegalStateException(missing.get());
    }
    CpuIsa isa = choose(config);
    MemorySegment context = BatonCalls.open(isa.code(), config.threads(), config.pinned() ? 1 : 0);
    if (context.address() == 0) {
      throw new IllegalStateException(
          "the system refuses to start " + config.threads() + " kernel threads; ask for fewer");
    }
    return new NativeKernels(isa, config.threads(), context);
  }

  private static CpuIsa choose(KernelsConfig config) {
    List<CpuIsa> levels = machineLevels();
    if (config.isa() == null) {
      return levels.getFirst();
    }
    for (CpuIsa isa : levels) {
      if (isa.label().equals(config.isa())) {
        return isa;
      }
    }
    throw new IllegalArgumentException(
        KernelsConfig.ISA_VARIABLE
            + "="
            + config.isa()
            + " is no level of this machine; it has "
            + levels.stream().map(CpuIsa::label).collect(Collectors.joining(", "))
            + " and "
            + KernelsConfig.JAVA);
  }

  @Override
  public String description() {
    return "native " + isa() + " x" + threads;
  }

  @Override
  public String isa() {
    return isa.label();
  }

  @Override
  public int threads() {
    return threads;
  }

  private MemorySegment context() {
    MemorySegment open = context;
    if (open.address() == 0) {
      throw new IllegalStateException("these kernels are closed");
    }
    return open;
  }

  @Override
  public int packRows() {
    return PANEL_ROWS;
  }

  @Override
  public long packedBytes(GgmlType type, int rows, int cols) {
    return (rows + PANEL_ROWS - 1L) / PANEL_ROWS * PANEL_ROWS * type.rowBytes(cols);
  }

  @Override
  public PackedMatrix pack(
      GgmlType type, MemorySegment raw, int rows, int cols, SegmentAllocator memory) {
    KernelArguments.checkPack(type, raw, rows, cols);
    long bytes = BatonCalls.packedBytes(type.id(), rows, cols);
    if (bytes != packedBytes(type, rows, cols)) {
      throw new IllegalStateException(
          "the C kernels do not fit this version of Baton; build it again");
    }
    MemorySegment packed = memory.allocate(bytes, LINE_BYTES);
    BatonCalls.pack(context(), type.id(), raw, rows, cols, packed);
    return new PackedMatrix(type, rows, cols, packed);
  }

  /**
   * A checksum of a small matrix of every type, packed: it changes with {@code pack.c} and is the
   * same at every level, which that is compiled for only once.
   */
  @Override
  public long packFormat() {
    int cols = 512;
    int rows = 2 * PANEL_ROWS + 1;
    CRC32C crc = new CRC32C();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment raw = arena.allocate((long) rows * cols * Float.BYTES, LINE_BYTES);
      // Through an array: a segment takes long to write to in code that is run only once.
      long[] values = new long[(int) (raw.byteSize() / Long.BYTES)];
      SplittableRandom random = new SplittableRandom(1);
      for (int i = 0; i < values.length; i++) {
        values[i] = random.nextLong();
      }
      MemorySegment.copy(values, 0, raw, ValueLayout.JAVA_LONG, 0, values.length);
      for (GgmlType type : GgmlType.values()) {
        MemorySegment tensor = raw.asSlice(0, rows * type.rowBytes(cols));
        crc.update(pack(type, tensor, rows, cols, arena).data().asByteBuffer());
      }
    }
    return crc.getValue() + 1; // never 0
  }

  /**
   * What this level reaches at most on these threads; takes some tenths of a second. Nothing else
   * should run meanwhile.
   */
  public CpuPeaks peaks() {
    return CpuPeaks.measure((kind, memory, rounds) ->
        BatonCalls.probe(context(), kind, memory, memory.byteSize(), rounds));
  }

  @Override
  public Activations activations(int maxTokens, int cols, Set<ActivationKind> kinds, Arena arena) {
    KernelArguments.checkActivations(maxTokens, cols, kinds);
    return new Activations(
        maxTokens,
        cols,
        kinds,
        BatonCalls.q8x32RowBytes(cols),
        BatonCalls.q8x256RowBytes(cols),
        arena);
  }

  /** The rows of a form, or a null pointer where {@code x} was made without it. */
  private static MemorySegment form(Activations x, ActivationKind kind) {
    return x.has(kind) ? checkedForm(x, kind) : MemorySegment.NULL;
  }

  /** The rows as float32, or a null pointer where nobody reads them. */
  private static MemorySegment floats(Activations out) {
    return out.wantsF32() ? out.f32() : MemorySegment.NULL;
  }

  /** The rows of a form, which must have the size that C gives them. */
  private static MemorySegment checkedForm(Activations x, ActivationKind kind) {
    MemorySegment form = x.form(kind);
    long rowBytes =
        switch (kind) {
          case F32 -> (long) x.cols() * Float.BYTES;
          case Q8_32 -> BatonCalls.q8x32RowBytes(x.cols());
          case Q8_256 -> BatonCalls.q8x256RowBytes(x.cols());
        };
    if (form.byteSize() != x.maxTokens() * rowBytes) {
      throw new IllegalArgumentException("these activations were made by another backend");
    }
    return form;
  }

  @Override
  public void quantize(Activations x, int tokens) {
    KernelArguments.checkRows(x, 0, tokens);
    BatonCalls.quantize(
        context(),
        x.f32(),
        tokens,
        x.cols(),
        form(x, ActivationKind.Q8_32),
        form(x, ActivationKind.Q8_256));
  }

  @Override
  public void rmsNorm(
      MemorySegment x, long xRow, MemorySegment weight, float eps, int tokens, Activations out) {
    KernelArguments.checkRmsNorm(x, xRow, weight, tokens, out);
    BatonCalls.rmsNorm(
        context(),
        x,
        xRow,
        weight,
        eps,
        tokens,
        out.cols(),
        floats(out),
        form(out, ActivationKind.Q8_32),
        form(out, ActivationKind.Q8_256));
  }

  @Override
  public void matmul(
      PackedMatrix w, Activations x, int tokens, MemorySegment out, boolean accumulate) {
    KernelArguments.checkMatmul(w, x, tokens, out);
    if (w.data().byteSize() != packedBytes(w.type(), w.rows(), w.cols())) {
      throw new IllegalArgumentException("this matrix was packed by another backend");
    }
    MemorySegment form = checkedForm(x, ActivationKind.of(w.type()));
    BatonCalls.matmul(
        context(),
        w.type().id(),
        w.data(),
        w.rows(),
        w.cols(),
        form,
        tokens,
        out,
        accumulate ? 1 : 0);
  }

  @Override
  public void rope(MemorySegment x, RowRuns rows, int heads, int headDim, RopeTable table) {
    KernelArguments.checkRope(x, rows, heads, headDim, table);
    MemorySegment turns = table.rows(rows.endPosition());
    BatonCalls.rope(context(), x, rows, heads, headDim, turns, table.pairs());
  }

  @Override
  public void storeKv(RowRuns rows, AttentionLayer layer, MemorySegment k, MemorySegment v) {
    KernelArguments.checkStoreKv(rows, layer, k, v);
    if (rows.count() > 0) {
      BatonCalls.storeKv(context(), rows.view(0).pool(), rows, layer, k, v);
    }
  }

  @Override
  public void attention(RowRuns rows, AttentionLayer layer, MemorySegment q, Activations out) {
    KernelArguments.checkAttention(rows, layer, q, out);
    if (layer.shape().keyDim() > MAX_HEAD_DIM) {
      throw new IllegalArgumentException(
          "attention heads of "
              + layer.shape().keyDim()
              + "; the C kernels take up to "
              + MAX_HEAD_DIM);
    }
    if (rows.count() > 0) {
      BatonCalls.attention(
          context(),
          rows.view(0).pool(),
          rows,
          layer,
          q,
          out.f32(),
          form(out, ActivationKind.Q8_32),
          form(out, ActivationKind.Q8_256));
    }
  }

  @Override
  public void swiglu(MemorySegment gate, MemorySegment up, int tokens, Activations out) {
    KernelArguments.checkSwiglu(gate, up, tokens, out);
    BatonCalls.swiglu(
        context(),
        gate,
        up,
        tokens,
        out.cols(),
        floats(out),
        form(out, ActivationKind.Q8_32),
        form(out, ActivationKind.Q8_256));
  }

  @Override
  public void maxima(MemorySegment x, int rows, int cols, MemorySegment out) {
    KernelArguments.checkMaxima(x, rows, cols, out);
    BatonCalls.maxima(context(), x, rows, cols, out);
  }

  @Override
  public long exportKv(
      KvView kv,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment dst,
      long dstOffset) {
    KernelArguments.checkCopyKv(kv, layer, firstToken, tokens, type, dst, dstOffset);
    return BatonCalls.exportKv(
        context(), kv, layer, firstToken, tokens, code(type), dst, dstOffset);
  }

  @Override
  public boolean importKv(
      KvView kv,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment src,
      long srcOffset,
      long digest) {
    KernelArguments.checkCopyKv(kv, layer, firstToken, tokens, type, src, srcOffset);
    return BatonCalls.importKv(
            context(), kv, layer, firstToken, tokens, code(type), src, srcOffset, digest)
        != 0;
  }

  /** The number that C knows a wire type by. */
  private static int code(KvWireType type) {
    return switch (type) {
      case F16 -> 0;
      case Q8 -> 1;
    };
  }

  @Override
  public synchronized void close() {
    MemorySegment open = context;
    context = MemorySegment.NULL;
    if (open.address() != 0) {
      BatonCalls.close(open);
    }
  }
}
