package dev.baton.decode;

import dev.baton.arch.ModelShape;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufIdentity;
import dev.baton.kernel.KvWireType;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A model that computes right and whose passes take as long as is said, on a clock that only they
 * move: so much a pass through all layers, and so much a token. Shares the model it is made of.
 */
final class PacedModel implements ModelBackend {
  private final ModelBackend model;
  private final long passNs;
  private final long tokenNs;
  private final AtomicLong nowNs = new AtomicLong(1);
  private volatile @Nullable Runnable beforePass;
  private volatile @Nullable IntConsumer afterLayer;
  private final AtomicInteger mostRows = new AtomicInteger();
  private final AtomicInteger passesOfMostRows = new AtomicInteger();

  PacedModel(ModelBackend model, long passNs, long tokenNs) {
    this.model = model;
    this.passNs = passNs;
    this.tokenNs = tokenNs;
  }

  /** The clock that passes move. */
  long nowNs() {
    return nowNs.get();
  }

  /** How many passes there were of the largest batch. */
  String largestPasses() {
    return passesOfMostRows + " of " + mostRows + " rows";
  }

  /** Called before each pass, on the thread that computes. */
  void beforePass(Runnable action) {
    beforePass = action;
  }

  /** Told of each layer that is done, on the thread that computes. */
  void afterLayer(IntConsumer action) {
    afterLayer = action;
  }

  @Override
  public GgufFile file() {
    return model.file();
  }

  @Override
  public GgufIdentity identity() {
    return model.identity();
  }

  @Override
  public @Nullable String trouble() {
    return model.trouble();
  }

  @Override
  public ModelShape shape() {
    return model.shape();
  }

  @Override
  public String description() {
    return model.description();
  }

  @Override
  public boolean isExact() {
    return model.isExact();
  }

  @Override
  public LayerPass pass(int maxTokens) {
    return new PacedPass(model.pass(maxTokens));
  }

  @Override
  public KvPool cache(int blocks) {
    return model.cache(blocks);
  }

  @Override
  public long exportKv(
      KvSequence sequence,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment dst,
      long dstOffset) {
    return model.exportKv(sequence, layer, firstToken, tokens, type, dst, dstOffset);
  }

  @Override
  public boolean importKv(
      KvSequence sequence,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment src,
      long srcOffset,
      long digest) {
    return model.importKv(sequence, layer, firstToken, tokens, type, src, srcOffset, digest);
  }

  @Override
  public void close() {}

  private final class PacedPass implements LayerPass {
    private final LayerPass pass;

    PacedPass(LayerPass pass) {
      this.pass = pass;
    }

    @Override
    public int maxTokens() {
      return pass.maxTokens();
    }

    @Override
    public MemorySegment hidden() {
      return pass.hidden();
    }

    @Override
    public void embed(TokenBatch batch) {
      Runnable before = beforePass;
      if (before != null) {
        before.run();
      }
      if (batch.rows() > mostRows.get()) {
        mostRows.set(batch.rows());
        passesOfMostRows.set(0);
      }
      if (batch.rows() == mostRows.get()) {
        passesOfMostRows.incrementAndGet();
      }
      pass.embed(batch);
    }

    @Override
    public void layers(TokenBatch batch, int from, int to) {
      nowNs.addAndGet((passNs + batch.rows() * tokenNs) * (to - from) / model.shape().layers());
      pass.layers(batch, from, to);
      IntConsumer after = afterLayer;
      if (after != null) {
        after.accept(to - 1);
      }
    }

    @Override
    public void logits(int firstRow, int rows, MemorySegment out) {
      pass.logits(firstRow, rows, out);
    }

    @Override
    public void close() {
      pass.close();
    }
  }
}
