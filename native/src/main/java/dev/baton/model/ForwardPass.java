package dev.baton.model;

import dev.baton.kernel.ActivationKind;
import dev.baton.kernel.Activations;
import dev.baton.kernel.Dequantizer;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvView;
import dev.baton.kernel.PageMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.List;

/**
 * The forward pass of a llama-family transformer on {@link Kernels}. The structure of the model
 * stands here once; the operations are the kernels'.
 *
 * <p>Owns its scratch memory; one thread at a time. Nothing is allocated after construction. Source
 * of the architecture: Touvron et al., "Llama 2" (2023); grouped-query attention: Ainslie et al.,
 * "GQA" (2023).
 */
public final class ForwardPass implements LayerPass {
  private final LlamaModel model;
  private final ModelConfig config;
  private final Kernels kernels;
  private final int maxTokens;
  private final float attentionScale;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment hidden; // (tokens, dim)
  private final MemorySegment q; // (tokens, heads * headDim)
  private final MemorySegment k; // (tokens, kvHeads * headDim)
  private final MemorySegment v; // (tokens, kvHeads * headDim)
  private final MemorySegment gate; // (tokens, ffn)
  private final MemorySegment up; // (tokens, ffn)
  private final Activations attentionIn; // (tokens, dim)
  private final Activations attentionOut; // (tokens, heads * headDim)
  private final Activations ffnIn; // (tokens, dim)
  private final Activations ffnMid; // (tokens, ffn)
  private final Activations last; // (tokens, dim)
  private final Dequantizer dequantizer = new Dequantizer();
  private boolean closed;

  /**
   * @param maxTokens rows of the largest batch
   */
  public ForwardPass(LlamaModel model, int maxTokens) {
    if (maxTokens < 1) {
      throw new IllegalArgumentException(
          "a forward pass needs room for at least one token, got " + maxTokens);
    }
    this.model = model;
    this.config = model.config();
    this.kernels = model.kernels();
    this.maxTokens = maxTokens;
    this.attentionScale = (float) (1.0 / StrictMath.sqrt(config.headDim()));
    int qDim = config.heads() * config.headDim();
    int kvDim = config.kvHeads() * config.headDim();
    this.hidden = rows(config.dim());
    this.q = rows(qDim);
    this.k = rows(kvDim);
    this.v = rows(kvDim);
    this.gate = rows(config.ffn());
    this.up = rows(config.ffn());
    this.attentionIn =
        kernels.activations(
            maxTokens, config.dim(), model.kinds(l -> List.of(l.q(), l.k(), l.v())), arena);
    this.attentionOut =
        kernels.activations(maxTokens, qDim, model.kinds(l -> List.of(l.attentionOut())), arena);
    this.ffnIn =
        kernels.activations(
            maxTokens, config.dim(), model.kinds(l -> List.of(l.gate(), l.up())), arena);
    this.ffnMid =
        kernels.activations(maxTokens, config.ffn(), model.kinds(l -> List.of(l.down())), arena);
    this.last =
        kernels.activations(
            maxTokens, config.dim(), EnumSet.of(ActivationKind.of(model.output().type())), arena);
  }

  private MemorySegment rows(int cols) {
    return PageMemory.scratch((long) maxTokens * cols * Float.BYTES, arena);
  }

  public LlamaModel model() {
    return model;
  }

  @Override
  public int maxTokens() {
    return maxTokens;
  }

  @Override
  public MemorySegment hidden() {
    return hidden;
  }

  @Override
  public void embed(TokenBatch batch) {
    checkRows(batch.rows());
    for (int row = 0; row < batch.rows(); row++) {
      int token = batch.token(row);
      if (token < 0 || token >= config.vocab()) {
        throw new IllegalArgumentException(
            "token " + token + " is outside the vocabulary of " + config.vocab());
      }
      model.embed(token, dequantizer, hidden, row);
    }
  }

  @Override
  public void layers(TokenBatch batch, int from, int to) {
    if (from < 0 || to > config.layers() || from > to) {
      throw new IllegalArgumentException(
          "layers [" + from + ", " + to + ") are outside a model of " + config.layers());
    }
    checkRows(batch.rows());
    for (int i = from; i < to; i++) {
      LlamaModel.Layer layer = model.layer(i);
      kernels.rmsNorm(hidden, 0, layer.attentionNorm(), config.rmsEps(), batch.rows(), attentionIn);
      storeKeysAndValues(i, layer, batch);
      boolean onlyWanted = i == config.layers() - 1 && batch.wantedRows() < batch.rows();
      if (onlyWanted) {
        gatherWanted(batch);
        int wanted = batch.wantedRows();
        kernels.rmsNorm(hidden, 0, layer.attentionNorm(), config.rmsEps(), wanted, attentionIn);
      }
      attention(i, layer, batch, onlyWanted);
      feedForward(layer, onlyWanted ? batch.wantedRows() : batch.rows());
    }
  }

  private void storeKeysAndValues(int index, LlamaModel.Layer layer, TokenBatch batch) {
    int n = batch.rows();
    kernels.matmul(layer.k(), attentionIn, n, k, false);
    kernels.matmul(layer.v(), attentionIn, n, v, false);
    for (int run = 0; run < batch.runs(); run++) {
      int row = batch.firstRow(run);
      int tokens = batch.runTokens(run);
      int position = batch.firstPosition(run);
      kernels.rope(k, row, tokens, config.kvHeads(), config.headDim(), model.rope(), position);
      kernels.storeKv(batch.sequence(run).view(), index, k, v, row, position, tokens);
    }
  }

  /** Moves the wanted rows of {@link #hidden} together, to row 0 and on. */
  private void gatherWanted(TokenBatch batch) {
    long rowBytes = (long) config.dim() * Float.BYTES;
    int to = 0;
    for (int run = 0; run < batch.runs(); run++) {
      int wanted = batch.runWanted(run);
      int from = batch.firstRow(run) + batch.runTokens(run) - wanted;
      MemorySegment.copy(hidden, from * rowBytes, hidden, to * rowBytes, wanted * rowBytes);
      to += wanted;
    }
  }

  /** Adds the attention of all rows to {@link #hidden}, or of the wanted ones, gathered before. */
  private void attention(int index, LlamaModel.Layer layer, TokenBatch batch, boolean onlyWanted) {
    int n = onlyWanted ? batch.wantedRows() : batch.rows();
    int heads = config.heads();
    kernels.matmul(layer.q(), attentionIn, n, q, false);
    int row = 0;
    for (int run = 0; run < batch.runs(); run++) {
      KvView kv = batch.sequence(run).view();
      int tokens = onlyWanted ? batch.runWanted(run) : batch.runTokens(run);
      int position = batch.firstPosition(run) + batch.runTokens(run) - tokens;
      kernels.rope(q, row, tokens, heads, config.headDim(), model.rope(), position);
      kernels.attention(kv, index, q, heads, attentionScale, row, position, tokens, attentionOut);
      row += tokens;
    }
    kernels.matmul(layer.attentionOut(), attentionOut, n, hidden, true);
  }

  private void feedForward(LlamaModel.Layer layer, int n) {
    kernels.rmsNorm(hidden, 0, layer.ffnNorm(), config.rmsEps(), n, ffnIn);
    kernels.matmul(layer.gate(), ffnIn, n, gate, false);
    kernels.matmul(layer.up(), ffnIn, n, up, false);
    kernels.swiglu(gate, up, n, ffnMid);
    kernels.matmul(layer.down(), ffnMid, n, hidden, true);
  }

  @Override
  public void logits(int firstRow, int rows, MemorySegment out) {
    checkRows(firstRow + rows);
    kernels.rmsNorm(hidden, firstRow, model.outputNorm(), config.rmsEps(), rows, last);
    kernels.matmul(model.output(), last, rows, out, false);
  }

  private void checkRows(int rows) {
    if (rows > maxTokens) {
      throw new IllegalArgumentException(rows + " rows do not fit a forward pass of " + maxTokens);
    }
  }

  /** Frees the scratch memory. Twice is fine. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      arena.close();
    }
  }
}
