package dev.baton.bench.micro;

import dev.baton.bench.report.WrongResult;
import dev.baton.kernel.ActivationKind;
import dev.baton.kernel.Activations;
import dev.baton.kernel.AttentionLayer;
import dev.baton.kernel.AttentionShape;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.NativeKernels;
import dev.baton.kernel.ReferenceKernels;
import dev.baton.kernel.RowRuns;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
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
 * Attention at depth, in the heads of a published model: the last {@code tokens} of a context of
 * {@code context} tokens over all keys before them. One token is a decode step, which reads; many
 * are a prompt's chunk, which computes.
 *
 * <p>Inside the window: {@link Kernels#attention} for one layer of a paged cache, with the
 * quantisation of what comes out. Each call takes the next of as many layers as fill {@link
 * MatmulBenchmark#FAR_BYTES}. Operations are counted for the keys that a token sees, two for each
 * element of Q·K and of P·V: masked keys, exponentials and sums are free. Outside: filling the
 * cache, RoPE, the machine's peaks.
 *
 * <p>Proved before: the first and the last token's output is that of {@link ReferenceKernels} bit
 * for bit.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 1, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class AttentionBenchmark {
  private static final long SEED = 62;
  private static final Set<ActivationKind> OUT = EnumSet.of(ActivationKind.Q8_32);

  /** Query heads, KV heads and the elements of a head. */
  public enum Heads {
    LLAMA_1B(32, 8, 64),
    LLAMA_8B(32, 8, 128),
    TINYLLAMA(32, 4, 64),
    SMOLLM2(9, 3, 64);

    private final int queries;
    private final int keys;
    private final int dim;

    Heads(int queries, int keys, int dim) {
      this.queries = queries;
      this.keys = keys;
      this.dim = dim;
    }
  }

  @Param({"LLAMA_1B"})
  private Heads heads;

  @Param({"4096"})
  private int context;

  @Param({"1", "256"})
  private int tokens;

  @Param({"1", "2"})
  private int threads;

  private final Arena arena = Arena.ofShared();
  private NativeKernels kernels;
  private KvPool pool;
  private KvSequence sequence;
  private MemorySegment queries; // (tokens, heads, headDim)
  private Activations out; // (tokens, heads * headDim)
  private List<AttentionLayer> layers;
  private RowRuns rows; // the tokens
  private long ops;
  private int next;

  @Setup(Level.Trial)
  public void prepare() {
    if (tokens > context) {
      throw new WrongResult("a context of " + context + " has no " + tokens + " last tokens");
    }
    kernels =
        NativeKernels.open(KernelsConfig.fromEnvironment(System.getenv()).withThreads(threads));
    long layerBytes =
        KvPool.blocksFor(context) * new KvGeometry(1, heads.keys, heads.dim).layerBytes();
    int count = Math.toIntExact(Math.ceilDiv(MatmulBenchmark.FAR_BYTES, layerBytes));
    pool = new KvPool(new KvGeometry(count, heads.keys, heads.dim), KvPool.blocksFor(context));
    float scale = (float) (1 / StrictMath.sqrt(heads.dim));
    AttentionShape shape =
        new AttentionShape(heads.queries, heads.keys, heads.dim, heads.dim, scale);
    layers =
        IntStream.range(0, count)
            .mapToObj(layer -> new AttentionLayer(shape, pool.geometry(), layer, arena))
            .toList();
    sequence = Objects.requireNonNull(pool.reserve(context));
    SplittableRandom random = new SplittableRandom(SEED);
    MemorySegment keys = gaussians((long) context * heads.keys * heads.dim, random);
    MemorySegment values = gaussians((long) context * heads.keys * heads.dim, random);
    RowRuns all = new RowRuns(1, arena).add(sequence.view(), 0, context, 0);
    for (AttentionLayer layer : layers) {
      kernels.storeKv(all, layer, keys, values);
    }
    queries = gaussians((long) tokens * heads.queries * heads.dim, random);
    out = kernels.activations(tokens, heads.queries * heads.dim, OUT, arena);
    rows = new RowRuns(1, arena).add(sequence.view(), 0, tokens, context - tokens);
    long seen = tokens * (2L * context - tokens + 1) / 2;
    ops = 4L * heads.queries * heads.dim * seen;
    prove(layers.getLast());
  }

  private MemorySegment gaussians(long count, SplittableRandom random) {
    MemorySegment rows = arena.allocate(count * Float.BYTES, 64);
    for (long i = 0; i < count; i++) {
      rows.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    return rows;
  }

  /**
   * @throws WrongResult where the output is not that of the reference
   */
  private void prove(AttentionLayer layer) {
    run(layer);
    int width = heads.queries * heads.dim;
    try (ReferenceKernels reference = new ReferenceKernels();
        Arena scratch = Arena.ofConfined()) {
      Activations wanted = reference.activations(tokens, width, OUT, scratch);
      for (int row : new int[] {0, tokens - 1}) {
        int position = context - tokens + row;
        RowRuns one = new RowRuns(1, scratch).add(sequence.view(), row, 1, position);
        reference.attention(one, layer, queries, wanted);
        long at = (long) row * width * Float.BYTES;
        MemorySegment found = out.f32().asSlice(at, (long) width * Float.BYTES);
        if (found.mismatch(wanted.f32().asSlice(at, (long) width * Float.BYTES)) >= 0) {
          throw new WrongResult("the attention of token " + position + " is not the reference's");
        }
      }
    }
  }

  private void run(AttentionLayer layer) {
    kernels.attention(rows, layer, queries, out);
  }

  @Benchmark
  public void attend(KernelWork work) {
    run(layers.get(next));
    next = (next + 1) % layers.size();
    work.fmaOps += ops;
    work.readBytes += (long) context * sequence.view().geometry().tokenBytes();
  }

  @TearDown(Level.Trial)
  public void close() {
    sequence.close();
    pool.close();
    kernels.close();
    arena.close();
  }
}
