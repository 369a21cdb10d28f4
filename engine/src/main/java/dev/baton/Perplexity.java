package dev.baton;

import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.DoubleConsumer;

/**
 * How well a model predicts a text, by the field's convention: non-overlapping windows of {@value
 * #WINDOW} tokens, the first of each replaced by BOS where the model wants one, scored on the
 * predictions in the window's second half; what is left over at the end is not scored.
 *
 * @param perplexity exp of the mean negative log likelihood
 * @param standardError of the perplexity, from the spread of the tokens' log likelihoods
 * @param windows windows scored
 * @param scoredTokens predictions scored
 */
public record Perplexity(double perplexity, double standardError, int windows, int scoredTokens) {
  /** Tokens in a window. */
  public static final int WINDOW = 512;

  private static final int ROWS_PER_PRODUCT = 32;

  /**
   * How a text is scored.
   *
   * @param bos id to put first in every window, or negative for none
   * @param chunkTokens tokens that go through the layers together; makes no difference to the
   *     result
   * @param wire the first half of each window is the prompt, whose KV comes from a prefill node in
   *     this form; the second half is scored on what has arrived
   */
  public record Setting(int bos, int chunkTokens, KvWireType wire) {}

  /**
   * Scores {@code tokens}.
   *
   * @param progress told the share done, 0..1
   * @throws BatonException when the text is shorter than a window or the context is, or the model's
   *     predictions are no numbers
   */
  public static Perplexity measure(
      ModelBackend model, KvPool pool, int[] tokens, Setting setting, DoubleConsumer progress) {
    int windows = requireWindows(model, tokens);
    try (Scorer scorer = new Scorer(model, setting)) {
      int[] window = new int[WINDOW];
      for (int w = 0; w < windows; w++) {
        System.arraycopy(tokens, w * WINDOW, window, 0, WINDOW);
        if (setting.bos() >= 0) {
          window[0] = setting.bos();
        }
        try (KvSequence sequence = pool.reserve(WINDOW)) {
          if (sequence == null) {
            throw new BatonException(
                "no room in the KV cache for a window of " + WINDOW + " tokens");
          }
          scorer.score(window, sequence);
        }
        progress.accept((w + 1.0) / windows);
      }
      return scorer.result(windows);
    }
  }

  /**
   * Whole windows in a text.
   *
   * @throws BatonException when the text is shorter than a window or the context is
   */
  static int requireWindows(ModelBackend model, int[] tokens) {
    int windows = tokens.length / WINDOW;
    if (windows == 0) {
      throw new BatonException(
          "the text has "
              + tokens.length
              + " tokens, perplexity needs at least "
              + WINDOW
              + ": give a longer text");
    }
    if (model.shape().context() < WINDOW) {
      throw new BatonException(
          "the model's context of "
              + model.shape().context()
              + " is shorter than a window of "
              + WINDOW);
    }
    return windows;
  }

  /**
   * A figure of a model.
   *
   * @throws BatonException where it is no number, as damaged weights make it
   */
  static double finite(double figure, ModelBackend model) {
    if (!Double.isFinite(figure)) {
      throw new BatonException(
          model.file().path()
              + ": what the model predicts is no number ("
              + figure
              + ", on "
              + model.description()
              + "); its weights are damaged, get the file again");
    }
    return figure;
  }

  private static final class Scorer implements AutoCloseable {
    private final ModelBackend model;
    private final KvWireType wire;
    private final int chunkTokens;
    private final int vocab;
    private final LayerPass forward;
    private final TokenBatch batch;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment logits;
    private double sum;
    private double sumOfSquares;
    private int scored;

    Scorer(ModelBackend model, Setting setting) {
      this.model = model;
      this.wire = setting.wire();
      this.chunkTokens = setting.chunkTokens();
      this.vocab = model.shape().vocab();
      this.forward = model.pass(chunkTokens);
      this.batch = new TokenBatch(chunkTokens);
      this.logits = arena.allocate((long) ROWS_PER_PRODUCT * vocab * Float.BYTES, 64);
    }

    void score(int[] window, KvSequence sequence) {
      int count;
      for (int at = 0; at < WINDOW; at += count) {
        if (at == WINDOW / 2) {
          sendPrompt(sequence);
        }
        count = Math.min(chunkTokens, (at < WINDOW / 2 ? WINDOW / 2 : WINDOW) - at);
        batch.clear().add(sequence, window, at, count, at);
        forward.embed(batch);
        forward.layers(batch, 0, model.shape().layers());
        int from = Math.max(at, WINDOW / 2);
        int to = Math.min(at + count, WINDOW - 1);
        for (int position = from; position < to; position += ROWS_PER_PRODUCT) {
          int rows = Math.min(ROWS_PER_PRODUCT, to - position);
          forward.logits(position - at, rows, logits);
          for (int row = 0; row < rows; row++) {
            add(finite(negativeLogLikelihood(row, window[position + row + 1]), model));
          }
        }
      }
    }

    /** Puts the prompt's KV into wire form and back. */
    private void sendPrompt(KvSequence kv) {
      KvGeometry geometry = model.kvGeometry();
      int tokens = WINDOW / 2;
      try (Arena slice = Arena.ofConfined()) {
        MemorySegment bytes = slice.allocate((long) tokens * wire.tokenBytes(geometry), 64);
        for (int layer = 0; layer < geometry.layers(); layer++) {
          long digest = model.exportKv(kv, layer, 0, tokens, wire, bytes, 0);
          if (!model.importKv(kv, layer, 0, tokens, wire, bytes, 0, digest)) {
            throw new IllegalStateException("the backend disagrees with itself about a digest");
          }
        }
      }
    }

    private double negativeLogLikelihood(int row, int token) {
      long base = (long) row * vocab;
      float max = Float.NEGATIVE_INFINITY;
      for (int i = 0; i < vocab; i++) {
        max = Math.max(max, logits.getAtIndex(ValueLayout.JAVA_FLOAT, base + i));
      }
      double total = 0;
      for (int i = 0; i < vocab; i++) {
        total += Math.exp(logits.getAtIndex(ValueLayout.JAVA_FLOAT, base + i) - max);
      }
      return Math.log(total) - (logits.getAtIndex(ValueLayout.JAVA_FLOAT, base + token) - max);
    }

    private void add(double nll) {
      sum += nll;
      sumOfSquares += nll * nll;
      scored++;
    }

    Perplexity result(int windows) {
      double mean = sum / scored;
      double perplexity = finite(Math.exp(mean), model);
      double variance = Math.max(0, sumOfSquares / scored - mean * mean);
      double error = scored > 1 ? perplexity * Math.sqrt(variance / (scored - 1)) : 0;
      return new Perplexity(perplexity, error, windows, scored);
    }

    @Override
    public void close() {
      forward.close();
      arena.close();
    }
  }
}
