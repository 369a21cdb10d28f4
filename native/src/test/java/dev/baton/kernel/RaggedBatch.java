package dev.baton.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A random batch of runs of several sequences, chunks and single rows mixed, taken through the
 * operations of an attention layer: the whole batch in one call each, or run by run. Equal answers
 * mean equal bits.
 */
record RaggedBatch(KvGeometry geometry, int group, List<Run> runs, long seed) {
  /** Rows at positions [position, position + tokens) of a sequence. */
  record Run(int sequence, int position, int tokens) {}

  /** Rows before the first run, which nobody may touch. */
  private static final int FIRST_ROW = 2;

  private static final int[] HEAD_DIMS = {8, 18, 32, 64, 80, 128};
  private static final int[] GROUPS = {1, 2, 3, 4, 9, 21};

  static RaggedBatch random(long seed, int mostRuns) {
    SplittableRandom random = new SplittableRandom(seed);
    int headDim = HEAD_DIMS[random.nextInt(HEAD_DIMS.length)];
    KvGeometry geometry = new KvGeometry(2, 1 + random.nextInt(3), headDim);
    int group = GROUPS[random.nextInt(headDim > 64 ? 4 : GROUPS.length)];
    int count = 1 + random.nextInt(mostRuns);
    List<Run> runs = new ArrayList<>();
    int sequence = -1;
    int end = 0;
    for (int i = 0; i < count; i++) {
      // now and then the next rows of the same sequence
      boolean goesOn = i > 0 && random.nextInt(6) == 0;
      sequence += goesOn ? 0 : 1;
      int position = goesOn ? end : position(random);
      int tokens = tokens(random);
      runs.add(new Run(sequence, position, tokens));
      end = position + tokens;
    }
    return new RaggedBatch(geometry, group, List.copyOf(runs), seed);
  }

  private static int position(SplittableRandom random) {
    return switch (random.nextInt(4)) {
      case 0 -> 0;
      case 1 -> 61 + random.nextInt(5);
      case 2 -> random.nextInt(64);
      default -> random.nextInt(300);
    };
  }

  private static int tokens(SplittableRandom random) {
    return switch (random.nextInt(8)) {
      case 0 -> 2 + random.nextInt(6);
      case 1 -> 60 + random.nextInt(70);
      default -> 1;
    };
  }

  private int rows() {
    return runs.stream().mapToInt(Run::tokens).sum();
  }

  /** All that the operations wrote. */
  byte[] answer(Kernels kernels, boolean together) {
    try (Arena arena = Arena.ofConfined()) {
      RandomTensors random = new RandomTensors(seed, arena);
      KvView[] sequences = sequences(random);
      int heads = group * geometry.kvHeads();
      int cols = heads * geometry.headDim();
      int all = FIRST_ROW + rows();
      MemorySegment k = random.floats((long) all * cols / group);
      MemorySegment v = random.floats((long) all * cols / group);
      MemorySegment q = random.floats((long) all * cols);
      AttentionLayer layer = OperationCases.layer(geometry, heads, arena);
      RopeTable table = new RopeTable(600, frequencies(), arena);
      Activations out = kernels.activations(all, cols, OperationCases.kinds(cols), arena);
      out.f32().fill((byte) 0x55);
      kernels.quantize(out, FIRST_ROW);
      RowRuns rows = new RowRuns(runs.size(), arena);
      int row = FIRST_ROW;
      for (int i = 0; i < runs.size(); i++) {
        Run run = runs.get(i);
        rows.add(sequences[run.sequence], row, run.tokens, run.position);
        row += run.tokens;
        if (!together || i == runs.size() - 1) {
          kernels.rope(k, rows, geometry.kvHeads(), geometry.headDim(), table);
          kernels.storeKv(rows, layer, k, v);
          kernels.rope(q, rows, heads, geometry.headDim(), table);
          kernels.attention(rows, layer, q, out);
          rows.clear();
        }
      }
      OperationCases.Answer attended =
          new OperationCases.Answer(arena, kernels, random, cols, all, OperationCases.kinds(cols));
      attended.take(out, 0, all);
      return join(attended.bytes(), bytes(k), bytes(v), bytes(q), bytes(sequences[0].pool()));
    }
  }

  private KvView[] sequences(RandomTensors random) {
    int[] tokens = new int[runs.getLast().sequence + 1];
    for (Run run : runs) {
      tokens[run.sequence] = run.position + run.tokens;
    }
    return random.caches(geometry, tokens);
  }

  private double[] frequencies() {
    double[] frequencies = new double[geometry.headDim() / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = StrictMath.pow(10000, -2.0 * i / geometry.headDim());
    }
    return frequencies;
  }

  private static byte[] bytes(MemorySegment segment) {
    return segment.toArray(ValueLayout.JAVA_BYTE);
  }

  private static byte[] join(byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) {
      length += part.length;
    }
    ByteBuffer all = ByteBuffer.allocate(length);
    for (byte[] part : parts) {
      all.put(part);
    }
    return all.array();
  }
}
