package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.baton.arch.LayerRange;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.PageMemory;
import dev.baton.kernel.RowDigest;
import dev.baton.kv.DeviceBlocks;
import dev.baton.kv.KvSequence;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.BitSet;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * The KV of a range of a model's layers in a device's memory: K and V of each layer as f16, (slots,
 * kvHeads * headDim), a row a token slot. That is the canonical wire form's own order, so slices
 * are copied as they are.
 *
 * <p>Attention also reads slots that it may not see, of other sequences or of nobody, and
 * multiplies them by 0: so all memory holds numbers from the beginning on, and whatever is no
 * number stays out. Where a peer sends values so large that a device may find no number behind a
 * mask, no other sequence reads their blocks any more, and their next owner gets them with zeros.
 *
 * <p>Exporting and importing may be done by other threads than the computing one, at the same time.
 */
final class GgmlKv implements DeviceBlocks, AutoCloseable {
  /** Attention reads whole steps of so many slots, so that few graphs serve all lengths. */
  static final int STEP_SLOTS = 256;

  private static final ValueLayout.OfShort HALF =
      JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int INFINITE = 0x7c00;

  /** 256: what a model computes is far below, and so are all products with it. */
  private static final int LARGE = 0x5c00;

  private final GgmlTensors ggml;
  private final GgmlBackends backends;
  private final GgmlMemory memory;
  private final LayerRange layers;
  private final int slots;
  private final int rowValues; // of a token's keys, or values
  private final int rowBytes;
  private final MemorySegment[] keys; // of the range alone, as are the values
  private final MemorySegment[] values;
  private final BitSet spoiled = new BitSet(); // blocks; guarded by itself

  /** Held for reading while a device computes, so that no block that it reads is spoiled then. */
  private final ReadWriteLock soundness = new ReentrantReadWriteLock();

  /** Rows in host memory, by their {@link #row}; guarded by itself, as is the memory. */
  private final BitSet fetched = new BitSet();

  private final Arena arena = Arena.ofShared();
  private boolean hostRefused;
  private @Nullable MemorySegment host; // (range, K and V, slots, kvHeads * headDim)

  /**
   * @throws GgmlException when the device has too little memory
   */
  GgmlKv(GgmlLibrary ggml, GgmlDevice device, KvGeometry geometry, LayerRange layers, int blocks) {
    this.ggml = ggml.tensors();
    this.backends = ggml.backends();
    this.layers = layers;
    long wanted = (long) blocks * KvGeometry.BLOCK_TOKENS;
    // A step may begin with the last block.
    this.slots = Math.toIntExact(wanted + STEP_SLOTS - KvGeometry.BLOCK_TOKENS);
    this.rowValues = geometry.kvHeads() * geometry.headDim();
    this.rowBytes = rowValues * Short.BYTES;
    this.memory = new GgmlMemory(ggml, device, 2 * layers.count());
    this.keys = new MemorySegment[layers.count()];
    this.values = new MemorySegment[layers.count()];
    for (int i = 0; i < layers.count(); i++) {
      keys[i] = memory.matrix(GgmlTensors.F16, rowValues, slots);
      values[i] = memory.matrix(GgmlTensors.F16, rowValues, slots);
    }
    memory.allocate("a KV cache of " + wanted + " tokens", true);
  }

  /** Values of a token's keys, or values. */
  int rowValues() {
    return rowValues;
  }

  int slots() {
    return slots;
  }

  MemorySegment keys(int layer) {
    return keys[layer - layers.from()];
  }

  MemorySegment values(int layer) {
    return values[layer - layers.from()];
  }

  /** As {@link dev.baton.model.ModelBackend#exportKv}, of type F16. */
  long export(
      KvSequence sequence, int layer, int firstToken, int tokens, MemorySegment dst, long at) {
    checkRange(sequence, layer, firstToken, tokens);
    long half = (long) tokens * rowBytes;
    int count;
    for (int done = 0; done < tokens; done += count) {
      int slot = sequence.slot(firstToken + done);
      count = run(sequence, firstToken + done, tokens - done);
      long bytes = (long) count * rowBytes;
      long to = at + (long) done * rowBytes;
      if (copyFetched(layer, slot, count, dst, to, half + to)) {
        continue;
      }
      long from = (long) slot * rowBytes;
      backends.tensorGet(keys(layer), dst.asSlice(to, bytes), from, bytes);
      backends.tensorGet(values(layer), dst.asSlice(half + to, bytes), from, bytes);
    }
    return RowDigest.ofSlice(layer, firstToken, tokens, rowBytes, dst, at);
  }

  /**
   * Brings a layer's rows of a batch, which are computed, to host memory, so that whoever exports
   * them does not wait for the device and what it computes next.
   */
  void fetch(TokenBatch batch, int layer) {
    MemorySegment to = host();
    if (to == null) {
      return; // the system gives no such memory: exports wait for the device
    }
    for (int run = 0; run < batch.runs(); run++) {
      KvSequence sequence = batch.sequence(run);
      int first = batch.firstPosition(run);
      int count;
      for (int done = 0; done < batch.runTokens(run); done += count) {
        count = run(sequence, first + done, batch.runTokens(run) - done);
        fetch(to, layer, sequence.slot(first + done), count);
      }
    }
  }

  private void fetch(MemorySegment to, int layer, int slot, int rows) {
    long bytes = (long) rows * rowBytes;
    long from = (long) slot * rowBytes;
    backends.tensorGet(keys(layer), to.asSlice(at(layer, 0) + from, bytes), from, bytes);
    backends.tensorGet(values(layer), to.asSlice(at(layer, 1) + from, bytes), from, bytes);
    synchronized (fetched) {
      fetched.set(row(layer, slot), row(layer, slot) + rows);
    }
  }

  /** A batch's rows are computed anew: what was fetched of them is worth nothing. */
  void forget(TokenBatch batch, int fromLayer, int toLayer) {
    synchronized (fetched) {
      if (host == null) {
        return;
      }
    }
    for (int run = 0; run < batch.runs(); run++) {
      KvSequence sequence = batch.sequence(run);
      int first = batch.firstPosition(run);
      int count;
      for (int done = 0; done < batch.runTokens(run); done += count) {
        count = run(sequence, first + done, batch.runTokens(run) - done);
        for (int layer = fromLayer; layer < toLayer; layer++) {
          forget(layer, sequence.slot(first + done), count);
        }
      }
    }
  }

  /** As large as what it mirrors, but committed as it is first written. */
  private @Nullable MemorySegment host() {
    synchronized (fetched) {
      if (host == null && !hostRefused) {
        try {
          host = PageMemory.allocate(at(layers.to(), 0), arena);
        } catch (OutOfMemoryError e) {
          hostRefused = true;
        }
      }
      return host;
    }
  }

  private long at(int layer, int part) {
    return (2L * (layer - layers.from()) + part) * slots * rowBytes;
  }

  private int row(int layer, int slot) {
    return (layer - layers.from()) * slots + slot;
  }

  private boolean copyFetched(
      int layer, int slot, int rows, MemorySegment dst, long keysAt, long valuesAt) {
    MemorySegment from;
    synchronized (fetched) {
      int first = row(layer, slot);
      from = host;
      if (from == null || fetched.nextClearBit(first) < first + rows) {
        return false;
      }
    }
    long bytes = (long) rows * rowBytes;
    MemorySegment.copy(from, at(layer, 0) + (long) slot * rowBytes, dst, keysAt, bytes);
    MemorySegment.copy(from, at(layer, 1) + (long) slot * rowBytes, dst, valuesAt, bytes);
    return true;
  }

  /** As {@link dev.baton.model.ModelBackend#importKv}, of type F16. */
  boolean take(
      KvSequence sequence,
      int layer,
      int firstToken,
      int tokens,
      MemorySegment src,
      long at,
      long digest) {
    checkRange(sequence, layer, firstToken, tokens);
    int end = firstToken + tokens;
    if (RowDigest.ofSlice(layer, firstToken, tokens, rowBytes, src, at) != digest) {
      return false;
    }
    long half = (long) tokens * rowBytes;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(2 * half, Long.BYTES);
      if (copyFinite(src, at, rows)) {
        for (int token = firstToken; token < end; token += KvGeometry.BLOCK_TOKENS) {
          spoil(sequence.slot(token) / KvGeometry.BLOCK_TOKENS);
        }
        spoil(sequence.slot(end - 1) / KvGeometry.BLOCK_TOKENS);
      }
      int count;
      for (int done = 0; done < tokens; done += count) {
        count = run(sequence, firstToken + done, tokens - done);
        long to = (long) sequence.slot(firstToken + done) * rowBytes;
        long bytes = (long) count * rowBytes;
        long from = (long) done * rowBytes;
        forget(layer, sequence.slot(firstToken + done), count);
        backends.tensorSet(keys(layer), rows.asSlice(from, bytes), to, bytes);
        backends.tensorSet(values(layer), rows.asSlice(half + from, bytes), to, bytes);
      }
    }
    return true;
  }

  /**
   * Copies what a peer sent; what is no number becomes 0.
   *
   * @return true when there are values so large that a device that computes in half precision may
   *     find no number where they are masked
   */
  private static boolean copyFinite(MemorySegment src, long at, MemorySegment dst) {
    int largest = 0;
    for (long i = 0; i < dst.byteSize(); i += Short.BYTES) {
      short bits = src.get(HALF, at + i);
      boolean finite = (bits & INFINITE) != INFINITE;
      dst.set(HALF, i, finite ? bits : 0);
      largest = Math.max(largest, bits & 0x7fff);
    }
    return largest > LARGE;
  }

  private void forget(int layer, int slot, int rows) {
    synchronized (fetched) {
      fetched.clear(row(layer, slot), row(layer, slot) + rows);
    }
  }

  /** From now on no sequence reads the block that does not have it. */
  private void spoil(int block) {
    if (isSpoiled(block)) {
      return;
    }
    soundness.writeLock().lock();
    try {
      synchronized (spoiled) {
        spoiled.set(block);
      }
    } finally {
      soundness.writeLock().unlock();
    }
  }

  boolean isSpoiled(int block) {
    synchronized (spoiled) {
      return spoiled.get(block);
    }
  }

  /** What is not spoiled stays so until {@link #endReading}; the same thread calls it. */
  void beginReading() {
    soundness.readLock().lock();
  }

  void endReading() {
    soundness.readLock().unlock();
  }

  @Override
  public void renew(int block) {
    if (!isSpoiled(block)) {
      return;
    }
    long bytes = (long) KvGeometry.BLOCK_TOKENS * rowBytes;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment zeros = arena.allocate(bytes, Long.BYTES);
      for (int layer = layers.from(); layer < layers.to(); layer++) {
        forget(layer, block * KvGeometry.BLOCK_TOKENS, KvGeometry.BLOCK_TOKENS);
        backends.tensorSet(keys(layer), zeros, block * bytes, bytes);
        backends.tensorSet(values(layer), zeros, block * bytes, bytes);
      }
    }
    synchronized (spoiled) {
      spoiled.clear(block);
    }
  }

  @Override
  public void copy(int from, int to) {
    if (isSpoiled(from)) {
      spoil(to);
    }
    MemorySegment context = ggml.init((4L * layers.count() + 1) * ggml.tensorOverhead());
    try {
      for (int layer = layers.from(); layer < layers.to(); layer++) {
        forget(layer, to * KvGeometry.BLOCK_TOKENS, KvGeometry.BLOCK_TOKENS);
        for (MemorySegment rows : new MemorySegment[] {keys(layer), values(layer)}) {
          backends.tensorCopy(block(context, rows, from), block(context, rows, to));
        }
      }
    } finally {
      ggml.free(context);
    }
    if (!isSpoiled(from)) {
      synchronized (spoiled) {
        spoiled.clear(to);
      }
    }
  }

  private MemorySegment block(MemorySegment context, MemorySegment rows, int block) {
    int tokens = KvGeometry.BLOCK_TOKENS;
    long offset = (long) block * tokens * rowBytes;
    MemorySegment view = ggml.view2d(context, rows, rowValues, tokens, rowBytes, offset);
    if (backends.viewInit(view) != 0) {
      throw new GgmlException("the device refuses a view of its KV" + GgmlLog.lastError());
    }
    return view;
  }

  /** Tokens from {@code token} on, up to {@code most}, whose slots follow each other. */
  private static int run(KvSequence sequence, int token, int most) {
    int first = sequence.slot(token);
    int count = KvGeometry.BLOCK_TOKENS - token % KvGeometry.BLOCK_TOKENS;
    while (count < most && sequence.slot(token + count) == first + count) {
      count += KvGeometry.BLOCK_TOKENS;
    }
    return Math.min(count, most);
  }

  private void checkRange(KvSequence sequence, int layer, int firstToken, int tokens) {
    if (!layers.contains(layer)
        || firstToken < 0
        || tokens < 0
        || firstToken + tokens > sequence.capacityTokens()) {
      throw new IndexOutOfBoundsException(
          "no KV of layer "
              + layer
              + ", tokens "
              + firstToken
              + " and "
              + tokens
              + " more: this backend holds layers "
              + layers);
    }
  }

  @Override
  public void close() {
    memory.close();
    arena.close();
  }
}
