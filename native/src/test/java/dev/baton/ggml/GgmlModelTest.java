package dev.baton.ggml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.LayerRange;
import dev.baton.arch.LlamaSizes;
import dev.baton.arch.RandomModel;
import dev.baton.cpu.CpuModel;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.ReferenceKernels;
import dev.baton.kernel.RowDigest;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.IdentityCache;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The forward pass on ggml's devices against Baton's kernels, within a tolerance. */
class GgmlModelTest {
  /** Both sides quantise what they multiply, each in its own way. */
  private static final double TOLERANCE = 0.02;

  /** And the wire may round the KV to 8 bits. */
  private static final double LOSSY_TOLERANCE = 0.05;

  private static final int TOKENS = 150;
  private static final int CHUNK = 64;

  @TempDir Path folder;
  private GgmlLibrary ggml;
  private Kernels kernels;

  static List<String> devices() {
    return GgmlDevices.names();
  }

  @BeforeEach
  void open() {
    ggml = GgmlDevices.library();
    kernels = KernelChoice.open(KernelsConfig.defaults().withThreads(2)).kernels();
  }

  @AfterEach
  void close() {
    if (kernels != null) {
      kernels.close();
    }
  }

  /** A backend, its cache and a sequence of it. */
  private record Side(ModelBackend model, KvPool cache, KvSequence sequence, LayerPass pass)
      implements AutoCloseable {
    static Side of(ModelBackend model, int blocks) {
      KvPool cache = model.cache(blocks);
      return new Side(model, cache, reserve(cache, TOKENS), model.pass(CHUNK + 8));
    }

    /** Layers [from, to) of tokens [at, at + count); the last row is wanted. */
    void run(int[] tokens, int at, int count, int from, int to) {
      TokenBatch batch = new TokenBatch(CHUNK).add(sequence, tokens, at, count, at, 1);
      if (from == 0) {
        pass.embed(batch);
      }
      pass.layers(batch, from, to);
    }

    float[] logits(int row) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocate(model.shape().vocab() * 4L, 64);
        pass.logits(row, 1, out);
        return out.toArray(ValueLayout.JAVA_FLOAT);
      }
    }

    @Override
    public void close() {
      pass.close();
      sequence.close();
      cache.close();
      model.close();
    }
  }

  private static KvSequence reserve(KvPool cache, int tokens) {
    KvSequence sequence = cache.reserve(tokens);
    assertNotNull(sequence);
    return sequence;
  }

  private Side baton(Path file) {
    return Side.of(CpuModel.load(file, kernels, done -> {}), 4);
  }

  private Side device(String name, Path file) {
    return Side.of(GgmlModel.load(on(name), file, IdentityCache.none(), done -> {}), 8);
  }

  private GgmlTarget on(String device) {
    return on(ggml.device(device));
  }

  private GgmlTarget on(GgmlDevice device) {
    return new GgmlTarget(
        ggml, device, kernels, path -> CpuModel.load(path, new ReferenceKernels(), done -> {}));
  }

  private Path model(GgmlType type, boolean tied) {
    LlamaSizes shape = RandomModel.tinyShape();
    float[] factors = new float[shape.ropeDim() / 2];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = 1 + i % 3;
    }
    return new RandomModel(shape, _ -> type, tied, tied ? null : factors, 5)
        .write(folder.resolve(type + ".gguf"));
  }

  private static int[] tokens() {
    return new SplittableRandom(3).ints(TOKENS, 0, RandomModel.tinyShape().vocab()).toArray();
  }

  private static void assertClose(float[] expected, float[] actual, String what) {
    assertClose(expected, actual, TOLERANCE, what);
  }

  private static void assertClose(float[] expected, float[] actual, double tolerance, String what) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow(actual[i] - expected[i], 2);
      size += Math.pow(expected[i], 2);
    }
    double error = Math.sqrt(difference / size);
    assertTrue(error < tolerance, what + ": relative error " + error);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldGiveBatonsLogitsForEveryTypeOfWeightsWhateverTheChunks(String device) {
    int[] tokens = tokens();
    for (GgmlType type : List.of(GgmlType.F16, GgmlType.Q8_0, GgmlType.Q4_1, GgmlType.Q6_K)) {
      try (Side here = baton(model(type, true));
          Side there = device(device, model(type, true))) {
        for (Side side : List.of(here, there)) {
          side.run(tokens, 0, CHUNK, 0, 2);
          side.run(tokens, CHUNK, 7, 0, 2);
          side.run(tokens, CHUNK + 7, CHUNK, 0, 2);
        }
        assertClose(here.logits(0), there.logits(0), device + " " + type);
        for (Side side : List.of(here, there)) {
          side.run(tokens, 2 * CHUNK + 7, 1, 0, 2);
        }
        assertClose(here.logits(0), there.logits(0), device + " step of " + type);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldGoOnWithKvAndRowsOfTheOtherBackendEitherWay(String device) {
    int[] tokens = tokens();
    Path file = model(GgmlType.Q8_0, false);
    for (KvWireType wire : KvWireType.values()) {
      for (boolean toDevice : new boolean[] {true, false}) {
        try (Side whole = baton(file);
            Side from = toDevice ? baton(file) : device(device, file);
            Side to = toDevice ? device(device, file) : baton(file)) {
          int prompt = CHUNK + 10;
          for (int at = 0; at < prompt; at += CHUNK) {
            int count = Math.min(CHUNK, prompt - at);
            whole.run(tokens, at, count, 0, 2);
            from.run(tokens, at, count, 0, 1);
            MemorySegment.copy(from.pass().hidden(), 0, to.pass().hidden(), 0, count * 4L * 256);
            to.run(tokens, at, count, 1, 2);
          }
          send(from, to, 0, prompt, wire);
          assertClose(whole.logits(0), to.logits(0), device + " " + wire + " " + toDevice);
          whole.run(tokens, prompt, 1, 0, 2);
          to.run(tokens, prompt, 1, 0, 2);
          assertClose(
              whole.logits(0),
              to.logits(0),
              wire == KvWireType.F16 ? TOLERANCE : LOSSY_TOLERANCE,
              device + " step " + wire + " " + toDevice);
        }
      }
    }
  }

  /** In two slices, at an odd address. */
  private static void send(Side from, Side to, int layer, int tokens, KvWireType wire) {
    int tokenBytes = wire.tokenBytes(from.model().kvGeometry());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(tokens * (long) tokenBytes + 1, 64);
      for (int[] part : new int[][] {{0, 30}, {30, tokens - 30}}) {
        long digest =
            from.model().exportKv(from.sequence(), layer, part[0], part[1], wire, bytes, 1);
        assertEquals(RowDigest.ofSlice(layer, part[0], part[1], tokenBytes / 2, bytes, 1), digest);
        assertFalse(
            to.model().importKv(to.sequence(), layer, part[0], part[1], wire, bytes, 1, ~digest));
        assertTrue(
            to.model().importKv(to.sequence(), layer, part[0], part[1], wire, bytes, 1, digest));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldKeepSequencesInOneBatchApartAlsoFromWhatAHostilePeerSent(String device) {
    int[] tokens = tokens();
    Path file = model(GgmlType.Q8_0, true);
    float[] expected;
    try (Side alone = baton(file)) {
      alone.run(tokens, 0, 21, 0, 2);
      expected = alone.logits(0);
    }
    try (Side shared = device(device, file);
        KvSequence other = reserve(shared.cache(), 40)) {
      poison(shared, other);
      shared.run(tokens, 0, 20, 0, 2);
      // Five rows: with nine, some releases of Mesa's llvmpipe crash in their own queue's thread.
      TokenBatch batch =
          new TokenBatch(CHUNK)
              .add(other, tokens, 0, 5, 30, 1)
              .add(shared.sequence(), tokens, 20, 1, 20, 1);
      shared.pass().embed(batch);
      shared.pass().layers(batch, 0, 2);
      assertClose(expected, shared.logits(1), device);
    }
  }

  @Test
  void shouldComputeManySequencesTogetherAsEachAlone() {
    int[] tokens = tokens();
    Path file = model(GgmlType.F16, true);
    int[] before = {3, 40, 0, 64, 17};
    int[] rows = {1, 7, 20, 2, 1};
    int[] wanted = {1, 1, 0, 2, 1};
    List<float[]> expected = new ArrayList<>();
    for (int i = 0; i < before.length; i++) {
      try (Side alone = device(GgmlDevice.CPU, file)) {
        prompt(alone, alone.sequence(), tokens, i, before[i]);
        TokenBatch batch = new TokenBatch(CHUNK);
        batch.add(alone.sequence(), tokens, 9 * i, rows[i], before[i], wanted[i]);
        alone.pass().embed(batch);
        alone.pass().layers(batch, 0, 2);
        for (int row = 0; row < wanted[i]; row++) {
          expected.add(alone.logits(row));
        }
      }
    }
    try (Side shared =
        Side.of(GgmlModel.load(on("ggml-cpu"), file, IdentityCache.none(), _ -> {}), 32)) {
      TokenBatch batch = new TokenBatch(CHUNK);
      for (int i = 0; i < before.length; i++) {
        KvSequence sequence = reserve(shared.cache(), TOKENS);
        prompt(shared, sequence, tokens, i, before[i]);
        batch.add(sequence, tokens, 9 * i, rows[i], before[i], wanted[i]);
      }
      shared.pass().embed(batch);
      shared.pass().layers(batch, 0, 2);
      for (int row = 0; row < expected.size(); row++) {
        assertClose(expected.get(row), shared.logits(row), 1e-3, "row " + row);
      }
    }
  }

  private static void prompt(Side side, KvSequence sequence, int[] tokens, int from, int count) {
    if (count > 0) {
      TokenBatch batch = new TokenBatch(CHUNK).add(sequence, tokens, from, count, 0, 0);
      side.pass().embed(batch);
      side.pass().layers(batch, 0, 2);
    }
  }

  /** Nothing but NaN, as a peer may send it. */
  private static void poison(Side side, KvSequence sequence) {
    int tokenBytes = side.model().kvGeometry().tokenBytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(30L * tokenBytes, 64).fill((byte) 0x7f);
      for (int layer = 0; layer < 2; layer++) {
        long digest = RowDigest.ofSlice(layer, 0, 30, tokenBytes / 2, bytes, 0);
        assertTrue(side.model().importKv(sequence, layer, 0, 30, KvWireType.F16, bytes, 0, digest));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldComputeEachLayerWhereItsWeightsAre(String device) {
    int[] tokens = tokens();
    Path file = model(GgmlType.Q8_0, false);
    try (Side whole = device(device, file);
        Side first = part(device, file, new LayerRange(0, 1));
        Side second = part(device, file, new LayerRange(1, 2))) {
      for (int at : new int[] {0, 20}) {
        int count = at == 0 ? 20 : 1;
        whole.run(tokens, at, count, 0, 2);
        first.run(tokens, at, count, 0, 1);
        MemorySegment.copy(first.pass().hidden(), 0, second.pass().hidden(), 0, count * 4L * 256);
        second.run(tokens, at, count, 1, 2);
        assertArrayEquals(whole.logits(0), second.logits(0), device + " at " + at);
      }
      assertElsewhere(
          "layers [0, 2) are not loaded here, only [0, 1)", () -> first.run(tokens, 0, 9, 0, 2));
      assertElsewhere(
          "layers [0, 1) are not loaded here, only [1, 2)", () -> second.run(tokens, 0, 9, 0, 1));
      assertElsewhere("the output matrix is not loaded here", () -> first.logits(0));
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment slice = arena.allocate(9L * first.model().kvGeometry().tokenBytes(), 64);
        assertThrows(
            IndexOutOfBoundsException.class,
            () -> first.model().exportKv(first.sequence(), 1, 0, 9, KvWireType.F16, slice, 0));
      }
    }
  }

  private Side part(String device, Path file, LayerRange layers) {
    return Side.of(GgmlModel.load(on(device), file, layers, IdentityCache.none(), done -> {}), 8);
  }

  private static void assertElsewhere(String why, Executable asked) {
    String said = assertThrows(IllegalArgumentException.class, asked).getMessage();
    assertTrue(String.valueOf(said).startsWith(why), said);
  }

  @Test
  void shouldTakeMemoryForThePartOfTheModelThatItHolds() {
    Path file = model(GgmlType.Q8_0, false);
    long layers;
    try (GgufFile gguf = GgufFile.open(file)) {
      layers =
          gguf.tensors().stream()
              .filter(tensor -> tensor.name().startsWith("blk."))
              .mapToLong(GgufTensor::byteSize)
              .sum();
    }
    GgmlTarget on = on(small(layers / 2 + 1024)); // the rest for RoPE's factors
    IdentityCache none = IdentityCache.none();
    LayerRange one = new LayerRange(0, 1);
    try (GgmlModel model = GgmlModel.untested(on, file, one, none, done -> {})) {
      assertEquals(one, model.range());
    }
    assertThrows(GgmlException.class, () -> GgmlModel.untested(on, file, null, none, done -> {}));
    LayerRange beyond = new LayerRange(1, 3);
    assertElsewhere(
        "layers [1, 3) are outside a model of 2",
        () -> GgmlModel.untested(on, file, beyond, none, done -> {}));
  }

  private GgmlDevice small(long freeBytes) {
    GgmlDevice cpu = ggml.device(GgmlDevice.CPU);
    return new GgmlDevice(
        "Small0", cpu.kind(), "too small", "Small", freeBytes, cpu.totalBytes(), cpu.handle());
  }

  @Test
  void shouldSayInOneLineThatTheWeightsDoNotFit() {
    Path file = model(GgmlType.Q4_0, true);
    GgmlDevice small = small(1000);
    GgmlException refused =
        assertThrows(
            GgmlException.class,
            () -> GgmlModel.untested(on(small), file, null, IdentityCache.none(), done -> {}));
    String said = String.valueOf(refused.getMessage());
    assertTrue(said.startsWith("device Small0 has 0.0 GB of memory free and the model's"), said);
    assertTrue(said.endsWith("use a smaller model or another device"), said);
    assertEquals(1, said.lines().count(), said);
  }

  @Test
  void shouldSayThatAModelFileWasCutOffWhileItsWeightsWereBroughtToTheDevice() {
    Path file = model(GgmlType.Q8_0, true);
    GgufException said =
        assertThrows(
            GgufException.class,
            () -> {
              try (GgmlModel _ =
                  GgmlModel.untested(
                      on(ggml.device(GgmlDevice.CPU)),
                      file,
                      null,
                      IdentityCache.none(),
                      share -> cutOff(file, share))) {
                // It must not come to that.
              }
            });
    assertTrue(
        String.valueOf(said.getMessage()).contains("it was cut short while it was read"),
        said.getMessage());
  }

  private static void cutOff(Path file, double share) {
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      if (share > 0) {
        open.setLength(Math.min(open.length(), 1 << 16));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void shouldTellOfLayersInOrderAndEndWhereItIsAsked(String device) {
    int[] tokens = tokens();
    Path file = model(GgmlType.Q8_0, true);
    try (Side side = device(device, file)) {
      GgmlModel model = (GgmlModel) side.model();
      for (boolean oneAhead : new boolean[] {false, true}) {
        try (LayerPass pass = model.pass(CHUNK, oneAhead)) {
          TokenBatch batch = new TokenBatch(CHUNK).add(side.sequence(), tokens, 0, 20, 0, 0);
          List<Integer> told = new ArrayList<>();
          pass.embed(batch);
          assertTrue(pass.layers(batch, 0, 2, told::add));
          assertEquals(List.of(0, 1), told);
          pass.embed(batch);
          assertFalse(pass.layers(batch, 0, 2, layer -> false));
        }
      }
    }
  }
}
