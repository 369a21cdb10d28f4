package dev.baton.ggml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.LayerRange;
import dev.baton.arch.RandomModel;
import dev.baton.cpu.CpuModel;
import dev.baton.gguf.GgmlType;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.ReferenceKernels;
import dev.baton.kernel.RowDigest;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.kv.Need;
import dev.baton.kv.PrefixIndex;
import dev.baton.kv.Retention;
import dev.baton.model.IdentityCache;
import dev.baton.model.LayerPass;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Wherever a sequence's blocks are on a device, and whoever else has them. */
class GgmlCacheTest {
  private static final Path BATON_TINY =
      Path.of("..", "engine", "src", "main", "resources", "dev", "baton", "catalog")
          .resolve("baton-tiny-q8_0.gguf");

  /** The same products in another order, some of them in half precision. */
  private static final double TOLERANCE = 5e-3;

  private static final int BLOCKS = 16;

  /** Lengths here leave a few rows behind whole chunks: llvmpipe crashes after some others. */
  private static final int CHUNK = 48;

  @TempDir Path folder;
  private Kernels kernels;
  private GgmlModel model;
  private KvPool pool;
  private LayerPass pass;
  private int layers;

  static List<String> devices() {
    return GgmlDevices.names();
  }

  @BeforeEach
  void open() {
    kernels = KernelChoice.open(KernelsConfig.defaults().withThreads(2)).kernels();
  }

  private void load(String device) {
    load(
        device,
        new RandomModel(RandomModel.tinyShape(), _ -> GgmlType.F16, true, null, 5)
            .write(folder.resolve("f16.gguf")));
  }

  private void load(String device, Path file) {
    GgmlLibrary ggml = GgmlDevices.library();
    GgmlTarget on =
        new GgmlTarget(
            ggml,
            ggml.device(device),
            kernels,
            path -> CpuModel.load(path, new ReferenceKernels(), _ -> {}));
    model = GgmlModel.load(on, file, IdentityCache.none(), _ -> {});
    pool = model.cache(BLOCKS);
    pass = model.pass(CHUNK);
    layers = model.shape().layers();
  }

  @AfterEach
  void close() {
    if (model != null) {
      pool.prefixes().clear();
      assertEquals(BLOCKS, pool.freeBlocks());
      pass.close();
      pool.close();
      model.close();
    }
    if (kernels != null) {
      kernels.close();
    }
  }

  private int[] prompt(int seed, int length) {
    return new SplittableRandom(seed).ints(length, 0, model.shape().vocab()).toArray();
  }

  private static int[] join(int[] prefix, int[] suffix) {
    int[] both = Arrays.copyOf(prefix, prefix.length + suffix.length);
    System.arraycopy(suffix, 0, both, prefix.length, suffix.length);
    return both;
  }

  /** Computes tokens [from, ..) in chunks; the logits behind the last one. */
  private float[] run(KvSequence sequence, int[] tokens, int from) {
    assertTrue(sequence.grow(tokens.length));
    TokenBatch batch = new TokenBatch(CHUNK);
    for (int at = from; at < tokens.length; at += CHUNK) {
      int count = Math.min(CHUNK, tokens.length - at);
      batch.clear().add(sequence, tokens, at, count, at, 1);
      pass.embed(batch);
      pass.layers(batch, 0, layers);
    }
    return logits(0);
  }

  private float[] logits(int row) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(model.shape().vocab() * 4L, 64);
      pass.logits(row, 1, out);
      return out.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  /** Behind all of it, in goes that end there, in blocks that follow each other. */
  private float[] alone(int[] tokens, int... ends) {
    try (KvSequence sequence = pool.open(tokens.length)) {
      float[] logits = {};
      int from = 0;
      for (int i = 0; i <= ends.length; i++) {
        int end = i < ends.length ? ends[i] : tokens.length;
        if (end > from) {
          logits = run(sequence, Arrays.copyOf(tokens, end), from);
        }
        from = end;
      }
      return logits;
    }
  }

  /** A sequence with these blocks and no others: the pool gives what alone is free. */
  private KvSequence with(int... blocks) {
    List<KvSequence> others = new ArrayList<>();
    for (KvSequence one; (one = pool.reserve(64)) != null; ) {
      others.add(one);
    }
    KvSequence sequence = pool.open(64 * blocks.length);
    for (int block : blocks) {
      others.removeIf(other -> {
        boolean isIt = other.slot(0) / 64 == block;
        if (isIt) {
          other.close();
        }
        return isIt;
      });
      assertTrue(sequence.grow(sequence.capacityTokens() + 64));
      assertEquals(64 * block, sequence.slot(sequence.capacityTokens() - 64));
    }
    others.forEach(KvSequence::close);
    return sequence;
  }

  /** On a GPU that is a CPU, which takes seconds for each, not all. */
  private static int[][] some(String device, int[]... all) {
    return device.equals(GgmlDevice.CPU) ? all : Arrays.copyOf(all, 2);
  }

  private static void assertClose(float[] expected, float[] actual, String what) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow(actual[i] - expected[i], 2);
      size += Math.pow(expected[i], 2);
    }
    double error = Math.sqrt(difference / size);
    assertTrue(error < TOLERANCE, what + ": relative error " + error);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldGiveTheSameBitsFromPiecesThatAreJoined(String device) {
    load(device);
    int[] tokens = prompt(1, 151);
    float[] prefilled = alone(Arrays.copyOf(tokens, 150));
    float[] stepped = alone(tokens, 150);
    int[][] layouts = {{15, 3, 14}, {3, 9, 6}, {0, 15, 7}, {4, 5, 6}, {8, 1, 15}};
    for (int[] blocks : some(device, layouts)) {
      try (KvSequence sequence = with(blocks)) {
        String what = device + " " + Arrays.toString(blocks);
        float[] chunks = run(sequence, Arrays.copyOf(tokens, 150), 0);
        assertArrayEquals(prefilled, chunks, what);
        assertArrayEquals(stepped, run(sequence, tokens, 150), what + ", a step");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldHideWhatIsOthersWhereBlocksAreReadInPlace(String device) {
    load(device);
    int[] tokens = prompt(1, 151);
    try (KvSequence other = Objects.requireNonNull(pool.reserve(64 * BLOCKS))) {
      run(other, prompt(2, 64 * BLOCKS), 0); // keys and values everywhere
    }
    float[] stepped = alone(tokens, 150);
    int[][] layouts = {{4, 2, 5}, {13, 15, 14}, {2, 1, 0}, {7, 8, 6}, {15, 12, 13}};
    for (int[] blocks : some(device, layouts)) {
      try (KvSequence sequence = with(blocks)) {
        run(sequence, Arrays.copyOf(tokens, 150), 0);
        String what = device + " " + Arrays.toString(blocks);
        assertClose(stepped, run(sequence, tokens, 150), what);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldComputeScatteredSequencesInOneBatch(String device) {
    load(device);
    int[][] blocks = {{0, 4, 9}, {3, 1, 2}, {5, 6, 7}, {15, 8, 12}};
    List<KvSequence> sequences = new ArrayList<>();
    TokenBatch batch = new TokenBatch(CHUNK);
    float[][] expected = new float[blocks.length][];
    for (int i = 0; i < blocks.length; i++) {
      expected[i] = alone(prompt(i, 147 + i), 146 + i);
    }
    for (int i = 0; i < blocks.length; i++) {
      sequences.add(with(blocks[i]));
      run(sequences.get(i), prompt(i, 146 + i), 0);
    }
    for (int i = 0; i < blocks.length; i++) {
      batch.add(sequences.get(i), prompt(i, 147 + i), 146 + i, 1, 146 + i, 1);
    }
    pass.embed(batch);
    pass.layers(batch, 0, layers);
    for (int i = 0; i < blocks.length; i++) {
      assertClose(expected[i], logits(i), device + " sequence " + i);
    }
    sequences.forEach(KvSequence::close);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldGoOnWithSequencesThatTakeBlocksInTurn(String device) {
    load(device);
    int[] ends = {54, 108, 162, 216, 270};
    float[][] expected = new float[3][];
    List<KvSequence> sequences = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      expected[i] = alone(prompt(i, 270), ends);
      sequences.add(pool.open(64 * BLOCKS));
    }
    for (int end : ends) {
      for (int i = 0; i < 3; i++) {
        float[] logits = run(sequences.get(i), Arrays.copyOf(prompt(i, 270), end), end - 54);
        if (end == 270) {
          assertClose(expected[i], logits, device + " " + i);
        }
      }
    }
    int slot = 0;
    int broken = 0;
    for (KvSequence sequence : sequences) {
      for (int token = 64; token < 270; token += 64) {
        slot = sequence.slot(token - 64);
        broken += sequence.slot(token) == slot + 64 ? 0 : 1;
      }
      sequence.close();
    }
    assertTrue(broken > 0, "they follow each other");
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldPartWithAForkAndGoOnBehindACut(String device) {
    load(device);
    for (int[] one :
        some(device, new int[] {54}, new int[] {100}, new int[] {63}, new int[] {64})) {
      int length = one[0];
      int[] prefix = prompt(5, length);
      int[][] tokens = {join(prefix, prompt(6, 54)), join(prefix, prompt(7, 54))};
      float[][] expected = {alone(tokens[0], length), alone(tokens[1], length)};
      try (KvSequence first = pool.open(64 * 5)) {
        run(first, prefix, 0);
        try (KvSequence second = first.fork()) {
          String what = device + ", fork at " + length;
          assertEquals(first.slot(length - 1), second.slot(length - 1));
          assertClose(expected[0], run(second, tokens[0], length), what);
          assertClose(expected[1], run(first, tokens[1], length), what);
          assertNotEquals(first.slot(length), second.slot(length));
          int[] more = join(tokens[0], new int[] {9});
          assertClose(alone(more, length, length + 54), run(second, more, length + 54), what);
        }
        first.truncate(length);
        assertClose(expected[0], run(first, tokens[0], length), device + ", cut at " + length);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldGoOnFromTheBlocksOfABeginningThatWasComputed(String device) {
    load(device);
    int[] prefix = prompt(5, 128);
    Need need = new Need(model.isExact(), LayerRange.all(layers));
    byte[] chain = chain(prefix);
    try (KvSequence first = pool.open(300)) {
      run(first, prefix, 0);
      pool.prefixes().publish(chain, first, 2, need.layers(), Retention.CONVERSATION);
      for (int i = 0; i < 2; i++) {
        int[] tokens = join(prefix, prompt(6 + i, 54));
        float[] expected = alone(tokens, 128);
        KvSequence hit = pool.prefixes().hit(chain, 300, need);
        assertEquals(128, hit.capacityTokens());
        assertClose(expected, run(hit, tokens, 128), device + " hit " + i);
        hit.truncate(128);
        float[] last = run(hit, prefix, 127); // which copies the block
        assertClose(alone(prefix, 127), last, device + " last token again");
        assertNotEquals(first.slot(127), hit.slot(127));
        hit.close();
      }
      assertClose(alone(prefix, 127), run(first, prefix, 127), device);
    }
  }

  private static byte[] chain(int[] tokens) {
    ByteBuffer chain = ByteBuffer.allocate(tokens.length / 64 * PrefixIndex.HASH_BYTES);
    for (int end = 64; end <= tokens.length; end += 64) {
      int hash = Arrays.hashCode(Arrays.copyOf(tokens, end));
      chain.putLong(hash).putLong(end);
    }
    return chain.array();
  }

  @Test
  void shouldSayTheSameBehindAHitAsBehindAMiss() {
    load(GgmlDevice.CPU, BATON_TINY);
    int[] prompt = prompt(3, 150);
    Need need = new Need(model.isExact(), LayerRange.all(layers));
    byte[] chain = chain(Arrays.copyOf(prompt, 128));
    List<Integer> miss;
    try (KvSequence sequence = pool.open(220)) {
      miss = greedy(sequence, prompt, 0);
      pool.prefixes().publish(chain, sequence, 2, need.layers(), Retention.CONVERSATION);
      try (KvSequence hit = pool.prefixes().hit(chain, 220, need)) {
        assertEquals(128, hit.capacityTokens());
        assertEquals(miss, greedy(hit, prompt, 128), "beside it");
      }
    }
    try (KvSequence hit = pool.prefixes().hit(chain, 220, need)) {
      assertEquals(128, hit.capacityTokens());
      assertEquals(miss, greedy(hit, prompt, 128), "in its place");
    }
  }

  private List<Integer> greedy(KvSequence sequence, int[] prompt, int from) {
    List<Integer> answer = new ArrayList<>();
    int[] tokens = prompt;
    int done = from;
    while (answer.size() < 32) {
      float[] logits = run(sequence, tokens, done);
      int best = 0;
      for (int i = 1; i < logits.length; i++) {
        best = logits[i] > logits[best] ? i : best;
      }
      answer.add(best);
      done = tokens.length;
      tokens = join(tokens, new int[] {best});
    }
    return answer;
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldNotReadWhatAHostilePeerSentToItsNeighbour(String device) {
    load(device);
    int[] tokens = prompt(1, 151);
    float[] expected = alone(tokens, 150);
    int[][] layouts = {{0, 1, 2}, {8, 10, 9}, {6, 4, 3}};
    for (int[] blocks : some(device, layouts)) {
      try (KvSequence sequence = with(blocks)) {
        KvSequence hostile = with(Arrays.stream(blocks).max().orElseThrow() + 1);
        run(sequence, Arrays.copyOf(tokens, 150), 0);
        large(hostile, blocks[0] % 2 == 0 ? 0x7bff : 0xfbff);
        assertClose(expected, run(sequence, tokens, 150), device);
        hostile.close();
      }
    }
    try (KvSequence next = pool.open(64 * BLOCKS)) {
      assertClose(expected, alone(tokens, 150), device + ", in blocks with zeros");
      assertTrue(next.grow(64 * BLOCKS));
    }
  }

  @Test
  void shouldKeepToItsOwnersWhatOverflowsAndGiveTheNextOneZeros() {
    load(GgmlDevice.CPU);
    GgmlLibrary ggml = GgmlDevices.library();
    KvGeometry geometry = model.kvGeometry();
    try (GgmlKv kv =
            new GgmlKv(ggml, ggml.device(GgmlDevice.CPU), geometry, LayerRange.all(layers), 3);
        KvPool blocks = KvPool.onDevice(geometry, 3, kv);
        Arena arena = Arena.ofConfined()) {
      int bytes = 64 * geometry.tokenBytes();
      MemorySegment slice = arena.allocate(bytes, 64);
      KvSequence first = Objects.requireNonNull(blocks.reserve(128));
      assertTrue(kv.take(first, 1, 64, 64, slice, 0, digest(slice, 1, 64)));
      assertFalse(kv.isSpoiled(1));
      fill(slice, 0x7bff);
      assertTrue(kv.take(first, 1, 64, 64, slice, 0, digest(slice, 1, 64)));
      assertFalse(kv.isSpoiled(0));
      assertTrue(kv.isSpoiled(1));
      KvSequence second = first.fork();
      assertTrue(second.writable(127, 128));
      assertEquals(128, second.slot(64));
      assertTrue(kv.isSpoiled(2), "a copy is no better");
      first.close();
      second.close();
      try (KvSequence next = Objects.requireNonNull(blocks.reserve(192))) {
        long _ = kv.export(next, 1, 64, 64, slice, 0);
        assertEquals(-1, slice.mismatch(arena.allocate(bytes)));
        assertFalse(kv.isSpoiled(1) || kv.isSpoiled(2));
      }
    }
  }

  private long digest(MemorySegment slice, int layer, int firstToken) {
    int rowBytes = model.kvGeometry().tokenBytes() / 2;
    return RowDigest.ofSlice(layer, firstToken, 64, rowBytes, slice, 0);
  }

  private static void fill(MemorySegment slice, int half) {
    for (long at = 0; at < slice.byteSize(); at += 2) {
      slice.set(ValueLayout.JAVA_SHORT, at, (short) half);
    }
  }

  /** Nothing but the largest numbers. */
  private void large(KvSequence sequence, int half) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment slice = arena.allocate(64L * model.kvGeometry().tokenBytes(), 64);
      fill(slice, half);
      for (int layer = 0; layer < layers; layer++) {
        long digest = digest(slice, layer, 0);
        assertTrue(model.importKv(sequence, layer, 0, 64, KvWireType.F16, slice, 0, digest));
      }
    }
  }
}
