package dev.baton;

import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * How far one backend's numbers are from another's, for one model and one text: both read the same
 * windows of the text, and both go on greedily from its beginning.
 *
 * @param windows of {@link Perplexity#WINDOW} tokens that were read
 * @param predictions compared: those of each window's second half
 * @param logitError root of the mean square difference of the logits, relative to the spread of the
 *     reference's around their mean
 * @param largestLogitError the largest difference of one logit
 * @param topOneAgreement share of the predictions whose likeliest token is the same
 * @param perplexity of the device
 * @param referencePerplexity of the other
 * @param greedyTokens tokens that both chose alike from the text's beginning on
 * @param greedyAsked tokens they were asked for
 * @param difference the first choice that was another, or null
 */
public record Verification(
    int windows,
    int predictions,
    double logitError,
    double largestLogitError,
    double topOneAgreement,
    double perplexity,
    double referencePerplexity,
    int greedyTokens,
    int greedyAsked,
    @Nullable Difference difference) {
  private static final int GREEDY_PROMPT_TOKENS = 16;
  private static final int GREEDY_TOKENS = 32;
  private static final int ROWS_PER_PRODUCT = 32;

  /**
   * Where two greedy answers part.
   *
   * @param place of the token in the answer, from 0
   * @param chosen by the device
   * @param referenceChosen by the other
   * @param margin by which the device's logits prefer the one to the other
   * @param referenceMargin by which the other's prefer theirs
   */
  public record Difference(
      int place, int chosen, int referenceChosen, double margin, double referenceMargin) {}

  /** A model with its pool of KV blocks. */
  public record Side(ModelBackend model, KvPool pool) {}

  /**
   * Compares two backends of the same model.
   *
   * @param tokens the text
   * @param bos id to put first in every window, or negative for none
   * @param progress told the share done, 0..1
   * @throws BatonException when the text is shorter than a window or the context is, or a backend's
   *     predictions are no numbers
   */
  public static Verification of(
      Side device,
      Side reference,
      int[] tokens,
      int bos,
      int chunkTokens,
      DoubleConsumer progress) {
    int windows = Perplexity.requireWindows(reference.model(), tokens);
    try (Comparison comparison = new Comparison(device, reference, chunkTokens)) {
      int[] window = new int[Perplexity.WINDOW];
      for (int w = 0; w < windows; w++) {
        System.arraycopy(tokens, w * Perplexity.WINDOW, window, 0, Perplexity.WINDOW);
        if (bos >= 0) {
          window[0] = bos;
        }
        comparison.compare(window);
        progress.accept((w + 1.0) / (windows + 1));
      }
      comparison.goOn(Arrays.copyOf(tokens, GREEDY_PROMPT_TOKENS));
      progress.accept(1);
      return comparison.result(windows);
    }
  }

  /** One backend at work. */
  private static final class Reader implements AutoCloseable {
    private final ModelBackend model;
    private final LayerPass pass;
    private final TokenBatch batch;
    private final KvSequence sequence;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment logits; // (ROWS_PER_PRODUCT, vocab)
    private double negativeLogLikelihood;

    Reader(Side side, int chunkTokens) {
      this.model = side.model();
      this.pass = model.pass(chunkTokens);
      this.batch = new TokenBatch(chunkTokens);
      this.logits =
          arena.allocate((long) ROWS_PER_PRODUCT * model.shape().vocab() * Float.BYTES, 64);
      KvSequence blocks = side.pool().reserve(Perplexity.WINDOW);
      if (blocks == null) {
        pass.close();
        arena.close();
        throw new BatonException("no room in the KV cache for a window of " + Perplexity.WINDOW);
      }
      this.sequence = blocks;
    }

    void read(int[] tokens, int at, int count) {
      batch.clear().add(sequence, tokens, at, count, at);
      pass.embed(batch);
      pass.layers(batch, 0, model.shape().layers());
    }

    void logits(int row, int rows) {
      pass.logits(row, rows, logits);
    }

    float logit(int row, int token) {
      return logits.getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * model.shape().vocab() + token);
    }

    int likeliest(int row) {
      int best = 0;
      for (int token = 1; token < model.shape().vocab(); token++) {
        if (logit(row, token) > logit(row, best)) {
          best = token;
        }
      }
      return best;
    }

    void score(int row, int likeliest, int token) {
      double max = logit(row, likeliest);
      double total = 0;
      for (int i = 0; i < model.shape().vocab(); i++) {
        total += Math.exp(logit(row, i) - max);
      }
      negativeLogLikelihood +=
          Perplexity.finite(Math.log(total) - (logit(row, token) - max), model);
    }

    @Override
    public void close() {
      sequence.close();
      pass.close();
      arena.close();
    }
  }

  private static final class Comparison implements AutoCloseable {
    private final Reader device;
    private final Reader reference;
    private final int chunkTokens;
    private final int vocab;
    private double squares;
    private double spread;
    private double largest;
    private int predictions;
    private int agreed;
    private int greedy;
    private @Nullable Difference difference;

    Comparison(Side device, Side reference, int chunkTokens) {
      this.device = new Reader(device, chunkTokens);
      try {
        this.reference = new Reader(reference, chunkTokens);
      } catch (RuntimeException | Error e) {
        this.device.close();
        throw e;
      }
      this.chunkTokens = chunkTokens;
      this.vocab = reference.model().shape().vocab();
    }

    void compare(int[] window) {
      int half = Perplexity.WINDOW / 2;
      int count;
      for (int at = 0; at < Perplexity.WINDOW; at += count) {
        count = Math.min(chunkTokens, (at < half ? half : Perplexity.WINDOW) - at);
        device.read(window, at, count);
        reference.read(window, at, count);
        int to = Math.min(at + count, Perplexity.WINDOW - 1);
        for (int first = Math.max(at, half); first < to; first += ROWS_PER_PRODUCT) {
          int rows = Math.min(ROWS_PER_PRODUCT, to - first);
          device.logits(first - at, rows);
          reference.logits(first - at, rows);
          for (int row = 0; row < rows; row++) {
            compareRow(row, window[first + row + 1]);
          }
        }
      }
    }

    private void compareRow(int row, int next) {
      double mean = 0;
      for (int i = 0; i < vocab; i++) {
        mean += reference.logit(row, i);
      }
      mean /= vocab;
      for (int i = 0; i < vocab; i++) {
        double error = Math.abs(device.logit(row, i) - reference.logit(row, i));
        largest = Math.max(largest, error);
        squares += error * error;
        spread += (reference.logit(row, i) - mean) * (reference.logit(row, i) - mean);
      }
      int chosen = device.likeliest(row);
      int expected = reference.likeliest(row);
      agreed += chosen == expected ? 1 : 0;
      predictions++;
      device.score(row, chosen, next);
      reference.score(row, expected, next);
    }

    /** Greedy answers, until they part. */
    void goOn(int[] prompt) {
      int[] tokens = Arrays.copyOf(prompt, prompt.length + GREEDY_TOKENS);
      int at = 0;
      for (int length = prompt.length; length < tokens.length; length++) {
        int count;
        for (; at < length; at += count) {
          count = Math.min(chunkTokens, length - at);
          device.read(tokens, at, count);
          reference.read(tokens, at, count);
          device.logits(count - 1, 1);
          reference.logits(count - 1, 1);
        }
        int chosen = device.likeliest(0);
        int expected = reference.likeliest(0);
        if (chosen != expected) {
          difference =
              new Difference(
                  greedy,
                  chosen,
                  expected,
                  device.logit(0, chosen) - device.logit(0, expected),
                  reference.logit(0, expected) - reference.logit(0, chosen));
          return;
        }
        tokens[length] = chosen;
        greedy++;
      }
    }

    Verification result(int windows) {
      return new Verification(
          windows,
          predictions,
          squares == 0 ? 0 : Math.sqrt(squares / spread),
          largest,
          (double) agreed / predictions,
          perplexity(device),
          perplexity(reference),
          greedy,
          GREEDY_TOKENS,
          difference);
    }

    private double perplexity(Reader of) {
      return Perplexity.finite(Math.exp(of.negativeLogLikelihood / predictions), of.model);
    }

    @Override
    public void close() {
      device.close();
      reference.close();
    }
  }
}
