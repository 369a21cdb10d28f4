package dev.baton.bench.micro;

import dev.baton.bench.report.WrongResult;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.RandomBlocks;
import dev.baton.kernel.ActivationKind;
import dev.baton.kernel.Activations;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.NativeKernels;
import dev.baton.kernel.PackedMatrix;
import dev.baton.kernel.PageMemory;
import dev.baton.kernel.ReferenceKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The matrix products of one layer of Llama 3.2 1B, or one of their shapes: GEMM for many tokens,
 * GEMV for one.
 *
 * <p>Inside the window: {@link Kernels#matmul} for each matrix, in the model's order, on packed
 * weights and quantised rows. Each call takes the next of as many copies of the matrices as fill
 * {@link #FAR_BYTES}, on huge pages as in a loaded model: no cache holds what is read. Outside:
 * packing, quantising the rows, the machine's peaks.
 *
 * <p>Proved before: some rows of each product, all tokens, are those of {@link ReferenceKernels}
 * bit for bit.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 1, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class MatmulBenchmark {
  /** More than a dozen times the last cache of what cores share on today's machines. */
  static final long FAR_BYTES = 384L << 20;

  private static final int PROVED_ROWS = 4;
  private static final long SEED = 61;

  /** Matrices to multiply with, each rows x cols. */
  public enum Matrices {
    LAYER("2048x2048 512x2048 512x2048 2048x2048 8192x2048 8192x2048 2048x8192"),
    ATTENTION_OUT("2048x2048"),
    KEY("512x2048"),
    GATE("8192x2048"),
    DOWN("2048x8192"),
    OUTPUT("128256x2048");

    private final String sizes;

    Matrices(String sizes) {
      this.sizes = sizes;
    }

    private List<Size> sizes() {
      List<Size> list = new ArrayList<>();
      for (String size : sizes.split(" ")) {
        String[] ends = size.split("x");
        list.add(new Size(Integer.parseInt(ends[0]), Integer.parseInt(ends[1])));
      }
      return list;
    }
  }

  private record Size(int rows, int cols) {}

  @Param({"Q4_0", "Q8_0", "Q4_K", "Q6_K"})
  private GgmlType type;

  @Param({"LAYER"})
  private Matrices matrices;

  @Param({"1", "4", "8", "16", "256"})
  private int tokens;

  @Param({"1", "2"})
  private int threads;

  private final Arena arena = Arena.ofShared();
  private NativeKernels kernels;
  private List<List<PackedMatrix>> copies;
  private final Map<Integer, Activations> inputs = new HashMap<>(); // by columns
  private MemorySegment out; // (tokens, rows of the largest matrix)
  private long elements;
  private long bytes;
  private int next;

  @Setup(Level.Trial)
  public void prepare() {
    kernels =
        NativeKernels.open(KernelsConfig.fromEnvironment(System.getenv()).withThreads(threads));
    SplittableRandom random = new SplittableRandom(SEED);
    List<Size> sizes = matrices.sizes();
    List<MemorySegment> raws = new ArrayList<>();
    long packedBytes = 0;
    int mostRows = 0;
    for (Size size : sizes) {
      long count = (long) size.rows * size.cols;
      raws.add(raw(count, 1 / Math.sqrt(size.cols), random));
      elements += count;
      bytes += type.rowBytes(count);
      packedBytes += kernels.packedBytes(type, size.rows, size.cols);
      mostRows = Math.max(mostRows, size.rows);
      inputs.computeIfAbsent(size.cols, cols -> input(kernels, cols, random));
    }
    out = arena.allocate((long) tokens * mostRows * Float.BYTES, 64);
    int count = Math.toIntExact(Math.ceilDiv(FAR_BYTES, packedBytes));
    SegmentAllocator memory =
        SegmentAllocator.slicingAllocator(PageMemory.allocate(count * packedBytes, arena));
    copies = new ArrayList<>();
    for (int copy = 0; copy < count; copy++) {
      List<PackedMatrix> packed = new ArrayList<>();
      for (int i = 0; i < sizes.size(); i++) {
        Size size = sizes.get(i);
        packed.add(kernels.pack(type, raws.get(i), size.rows, size.cols, memory));
      }
      copies.add(packed);
    }
    for (int i = 0; i < sizes.size(); i++) {
      prove(copies.getLast().get(i), raws.get(i), random);
    }
  }

  /** A tensor's bytes, off the heap. */
  private MemorySegment raw(long count, double deviation, SplittableRandom random) {
    MemorySegment blocks = RandomBlocks.of(type, count, deviation, random);
    return arena.allocate(blocks.byteSize(), 64).copyFrom(blocks);
  }

  /** Quantised rows of normally distributed values. */
  private Activations input(Kernels backend, int cols, SplittableRandom random) {
    Activations x = backend.activations(tokens, cols, EnumSet.of(ActivationKind.of(type)), arena);
    for (long i = 0; i < (long) tokens * cols; i++) {
      x.f32().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    backend.quantize(x, tokens);
    return x;
  }

  /**
   * @throws WrongResult where a product is not that of the reference
   */
  private void prove(PackedMatrix matrix, MemorySegment raw, SplittableRandom random) {
    Activations x = inputs.get(matrix.cols());
    kernels.matmul(matrix, x, tokens, out, false);
    int first = random.nextInt(matrix.rows() - PROVED_ROWS + 1);
    long rowBytes = type.rowBytes(matrix.cols());
    MemorySegment rows = raw.asSlice(first * rowBytes, PROVED_ROWS * rowBytes);
    try (ReferenceKernels reference = new ReferenceKernels();
        Arena scratch = Arena.ofConfined()) {
      PackedMatrix few = reference.pack(type, rows, PROVED_ROWS, matrix.cols(), scratch);
      Activations same =
          reference.activations(
              tokens, matrix.cols(), EnumSet.of(ActivationKind.of(type)), scratch);
      same.f32().copyFrom(x.f32());
      reference.quantize(same, tokens);
      MemorySegment wanted = scratch.allocate((long) tokens * PROVED_ROWS * Float.BYTES, 64);
      reference.matmul(few, same, tokens, wanted, false);
      for (int token = 0; token < tokens; token++) {
        long at = ((long) token * matrix.rows() + first) * Float.BYTES;
        MemorySegment found = out.asSlice(at, PROVED_ROWS * Float.BYTES);
        long rowAt = (long) token * PROVED_ROWS * Float.BYTES;
        if (found.mismatch(wanted.asSlice(rowAt, PROVED_ROWS * Float.BYTES)) >= 0) {
          throw new WrongResult(
              "the product of " + type + " rows from " + first + " is not the reference's");
        }
      }
    }
  }

  @Benchmark
  public void multiply(KernelWork work) {
    List<PackedMatrix> copy = copies.get(next);
    next = (next + 1) % copies.size();
    for (int i = 0; i < copy.size(); i++) {
      PackedMatrix matrix = copy.get(i);
      kernels.matmul(matrix, inputs.get(matrix.cols()), tokens, out, false);
    }
    long ops = 2 * elements * tokens;
    if (ActivationKind.of(type) == ActivationKind.F32) {
      work.fmaOps += ops;
    } else {
      work.dotOps += ops;
    }
    work.readBytes += bytes;
  }

  @TearDown(Level.Trial)
  public void close() {
    kernels.close();
    arena.close();
  }
}
