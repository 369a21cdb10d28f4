package dev.baton.bench.peer;

import dev.baton.bench.report.WrongResult;
import dev.baton.catalog.KeptWeights;
import dev.baton.cpu.CpuModel;
import dev.baton.cpu.CpuPass;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.NativeKernels;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * One model on this process's kernels, timed as {@code llama-bench} times: random tokens, logits of
 * a prompt's last token and of each token of an answer, no sampling. One thread.
 */
final class BatonSpeed implements AutoCloseable {
  private static final long SEED = 6;
  private static final int PROOF_TOKENS = 17;

  private final NativeKernels kernels;
  private final CpuModel model;
  private final CpuPass forward;
  private final TokenBatch batch;
  private final KvPool pool;
  private final KvSequence[] sequences;
  private final int[] filled; // positions of each sequence whose KV stands
  private final int[] tokens;
  private final int chunk;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment logits; // (sequences, vocab)

  /**
   * Loads the model and proves that its decode steps answer as its prefill does.
   *
   * @param threads that compute
   * @param chunk tokens of a prompt that go through the layers together
   * @param context positions of each sequence
   * @param sequenceCount of the largest batch of decode steps
   * @throws WrongResult where the proof fails
   */
  BatonSpeed(Path file, int threads, int chunk, int context, int sequenceCount) {
    this.kernels =
        NativeKernels.open(KernelsConfig.fromEnvironment(System.getenv()).withThreads(threads));
    this.model = CpuModel.load(file, kernels, KeptWeights.of(System.getenv()), _ -> {});
    this.chunk = chunk;
    int rows = Math.max(chunk, sequenceCount);
    this.forward = new CpuPass(model, rows);
    this.batch = new TokenBatch(rows);
    int room = Math.max(context, PROOF_TOKENS);
    this.pool = new KvPool(model.kvGeometry(), sequenceCount * KvPool.blocksFor(room));
    this.sequences = new KvSequence[sequenceCount];
    Arrays.setAll(sequences, i -> reserve(room));
    this.filled = new int[sequenceCount];
    int vocab = model.shape().vocab();
    this.tokens = new SplittableRandom(SEED).ints(room, 0, vocab).toArray();
    this.logits = arena.allocate((long) sequenceCount * vocab * Float.BYTES, 64);
    prove();
  }

  private KvSequence reserve(int context) {
    KvSequence sequence = pool.reserve(context);
    if (sequence == null) {
      throw new IllegalStateException("the pool was made for all sequences");
    }
    return sequence;
  }

  private void prove() {
    prompt(0, 0, PROOF_TOKENS);
    byte[] whole = firstLogits();
    prompt(0, 0, PROOF_TOKENS - 1);
    step(1, PROOF_TOKENS - 1);
    if (!Arrays.equals(whole, firstLogits())) {
      throw new WrongResult("a decode step gives other logits than the prefill of the same token");
    }
  }

  private byte[] firstLogits() {
    return logits
        .asSlice(0, (long) model.shape().vocab() * Float.BYTES)
        .toArray(ValueLayout.JAVA_BYTE);
  }

  ModelWork work() {
    return ModelWork.of(model.file(), model.shape());
  }

  NativeKernels kernels() {
    return kernels;
  }

  /** Tokens a second of a prompt. */
  double prefill(int count) {
    long startNs = System.nanoTime();
    prompt(0, 0, count);
    return count * 1e9 / (System.nanoTime() - startNs);
  }

  /** Tokens a second of an answer behind {@code depth} tokens, of all sequences together. */
  double decode(int depth, int count, int sequenceCount) {
    for (int i = 0; i < sequenceCount; i++) {
      if (filled[i] < depth) {
        prompt(i, filled[i], depth);
      }
    }
    long startNs = System.nanoTime();
    for (int i = 0; i < count; i++) {
      step(sequenceCount, depth + i);
    }
    return (double) count * sequenceCount * 1e9 / (System.nanoTime() - startNs);
  }

  /** Positions [from, to) of a sequence, in chunks, and the last one's logits. */
  private void prompt(int index, int from, int to) {
    for (int at = from; at < to; at += chunk) {
      int n = Math.min(chunk, to - at);
      batch.clear().add(sequences[index], tokens, at, n, at, at + n == to ? 1 : 0);
      run(at + n == to ? 1 : 0);
    }
    filled[index] = Math.max(filled[index], to);
  }

  private void step(int sequenceCount, int position) {
    batch.clear();
    for (int i = 0; i < sequenceCount; i++) {
      batch.add(sequences[i], tokens, position, 1, position);
    }
    run(sequenceCount);
  }

  private void run(int wanted) {
    forward.embed(batch);
    forward.layers(batch, 0, model.shape().layers());
    if (wanted > 0) {
      forward.logits(0, wanted, logits);
    }
  }

  @Override
  public void close() {
    for (KvSequence sequence : sequences) {
      sequence.close();
    }
    arena.close();
    forward.close();
    pool.close();
    model.close();
    kernels.close();
  }
}
