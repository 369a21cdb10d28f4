package dev.baton.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.cpu.CpuModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.model.TokenBatch;
import dev.baton.schedule.BatchRunner;
import dev.baton.schedule.StepBudget;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Prompts whose beginning is here already: only what is behind it is ordered, and comes. */
@Timeout(60)
class RemoteStateTest {
  private static final int TOKENS = 200;

  @Test
  void shouldGoOnBehindWhatIsHereAlreadyWithTheSameBits() {
    KernelChoice kernels = KernelChoice.open(KernelsConfig.defaults());
    try (CpuModel model = CpuModel.load(TinyModel.FILE, kernels.kernels(), done -> {});
        KvPool cache = new KvPool(model.kvGeometry(), 16);
        BatchRunner runner =
            new BatchRunner(model, TOKENS, new StepBudget(TOKENS, 0), System::nanoTime)) {
      DecodeCompute compute = new DecodeCompute(runner, model, cache, 1);
      int[] prompt = IntStream.range(0, TOKENS).map(i -> 300 + i % 700).toArray();
      int layers = model.shape().layers();
      try (KvSequence whole = reserve(cache)) {
        compute(runner, whole, prompt, TOKENS, layers);
        long row = model.shape().dim() * 4L;
        byte[] last = new byte[(int) row];
        MemorySegment.copy(runner.forward().hidden(), 0, MemorySegment.ofArray(last), 0, row);
        for (int first : new int[] {0, 1, 64, 130, 199}) {
          for (int boundary : new int[] {2, layers}) {
            try (KvSequence sequence = reserve(cache)) {
              goOn(model, compute, sequence, prompt, first, boundary);
              MemorySegment came = runner.forward().hidden().asSlice(0, row);
              assertEquals(-1, MemorySegment.ofArray(last).mismatch(came), first + ", " + boundary);
              for (int layer = 0; layer < layers; layer++) {
                assertEquals(
                    digest(model, whole, layer), digest(model, sequence, layer), "layer " + layer);
              }
            }
          }
        }
      }
    } finally {
      kernels.kernels().close();
    }
  }

  private static KvSequence reserve(KvPool cache) {
    return Objects.requireNonNull(cache.reserve(TOKENS));
  }

  private static void compute(
      BatchRunner runner, KvSequence sequence, int[] prompt, int tokens, int layers) {
    TokenBatch batch = runner.batch().clear().add(sequence, prompt, 0, tokens, 0, 1);
    runner.forward().embed(batch);
    assertTrue(runner.layers(0, layers));
  }

  private static void goOn(
      CpuModel model,
      DecodeCompute compute,
      KvSequence sequence,
      int[] prompt,
      int first,
      int boundary) {
    if (first > 0) {
      compute(compute.runner(), sequence, prompt, first, model.shape().layers());
    }
    SteppedPrefill node = new SteppedPrefill(model);
    RemotePrefill plan =
        new RemotePrefill(
            node, first, boundary, new ChunkSchedule(64, 16), KvWireType.F16, true, false, null);
    RemoteState state = new RemoteState(plan, prompt, sequence, model);
    assertEquals(first, state.usableTokens());
    node.deliverAll();
    while (state.runArrivedChunk(compute, TOKENS) > 0) {
      // Chunk by chunk.
    }
    assertTrue(state.takeLastRow(compute.runner().forward()));
    assertTrue(state.isKvWhole());
  }

  private static long digest(CpuModel model, KvSequence sequence, int layer) {
    try (Arena arena = Arena.ofConfined()) {
      long bytes = (long) TOKENS * model.kvGeometry().tokenBytes();
      return model.exportKv(
          sequence, layer, 0, TOKENS, KvWireType.F16, arena.allocate(bytes, 64), 0);
    }
  }
}
