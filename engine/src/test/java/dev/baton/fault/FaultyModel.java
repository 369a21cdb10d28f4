package dev.baton.fault;

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
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A model that computes right, and throws or hangs where it is told to. Shares the model it is made
 * of, which is not closed with it.
 */
public final class FaultyModel implements ModelBackend {
  /** Where something can go wrong. */
  public enum Seam {
    EMBED,
    LAYERS,
    LOGITS,
    IMPORT,
    EXPORT,
    PASS
  }

  private final ModelBackend model;
  private final Map<Seam, AtomicReference<@Nullable Throwable>> armed = new EnumMap<>(Seam.class);
  private volatile boolean spoilsLogits;
  private volatile @Nullable CountDownLatch hangs;
  private volatile long layerMs;
  private volatile boolean closed;
  private volatile boolean inLayers;

  public FaultyModel(ModelBackend model) {
    this.model = model;
    for (Seam seam : Seam.values()) {
      armed.put(seam, new AtomicReference<>());
    }
  }

  /** The next call there throws this, whatever it is. */
  public void arm(Seam seam, Throwable fault) {
    of(seam).set(fault);
  }

  /** The next logits are not numbers. */
  public void spoilLogits() {
    spoilsLogits = true;
  }

  /** From now on a layer, and an import, does not end before {@code until} is counted down. */
  public void hang(CountDownLatch until) {
    hangs = until;
  }

  /** From now on a layer takes at least so long. */
  public void slow(long ms) {
    layerMs = ms;
  }

  public boolean isClosed() {
    return closed;
  }

  /** Whether a pass is in its layers right now. */
  public boolean isInLayers() {
    return inLayers;
  }

  private AtomicReference<@Nullable Throwable> of(Seam seam) {
    AtomicReference<@Nullable Throwable> at = armed.get(seam);
    if (at == null) {
      throw new AssertionError(seam);
    }
    return at;
  }

  private void strike(Seam seam) {
    if (closed) {
      System.err.println("FREED UNDER A COMPUTATION");
      Runtime.getRuntime().halt(66);
    }
    Throwable fault = of(seam).getAndSet(null);
    if (fault != null) {
      FaultyModel.<RuntimeException>sneak(fault);
    }
  }

  private void hangIfTold() {
    CountDownLatch until = hangs;
    boolean interrupted = false;
    while (until != null && until.getCount() > 0) {
      try {
        until.await();
      } catch (InterruptedException e) {
        interrupted = true; // as a call into a driver
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Throws anything, checked or not. */
  @SuppressWarnings("unchecked")
  public static <T extends Throwable> void sneak(Throwable fault) throws T {
    throw (T) fault;
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
  public GgufFile file() {
    return model.file();
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
    strike(Seam.PASS);
    return new FaultyPass(model.pass(maxTokens));
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
    strike(Seam.EXPORT);
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
    hangIfTold();
    strike(Seam.IMPORT);
    return model.importKv(sequence, layer, firstToken, tokens, type, src, srcOffset, digest);
  }

  @Override
  public void close() {
    closed = true;
  }

  private final class FaultyPass implements LayerPass {
    private final LayerPass pass;

    FaultyPass(LayerPass pass) {
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
      strike(Seam.EMBED);
      pass.embed(batch);
    }

    @Override
    public void layers(TokenBatch batch, int from, int to) {
      inLayers = true;
      try {
        for (int layer = from; layer < to; layer++) {
          hangIfTold();
          sleep(layerMs);
          strike(Seam.LAYERS);
          pass.layers(batch, layer, layer + 1);
        }
      } finally {
        inLayers = false;
      }
    }

    private static void sleep(long ms) {
      if (ms > 0) {
        try {
          Thread.sleep(ms);
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
    }

    @Override
    public void logits(int firstRow, int rows, MemorySegment out) {
      strike(Seam.LOGITS);
      pass.logits(firstRow, rows, out);
      if (spoilsLogits) {
        spoilsLogits = false;
        out.set(ValueLayout.JAVA_FLOAT, 0, Float.NaN);
      }
    }

    @Override
    public void close() {
      pass.close();
    }
  }
}
