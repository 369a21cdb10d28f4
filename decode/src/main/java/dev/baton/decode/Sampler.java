package dev.baton.decode;

import dev.baton.kernel.Kernels;
import dev.baton.kernel.Numerics;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/**
 * Chooses tokens for one session. The steps, in llama.cpp's default order: penalties, top-k, top-p,
 * min-p, temperature, draw. Top-p and min-p look at the probabilities before temperature. Of equal
 * logits the lowest id comes first.
 *
 * <p>The same parameters, logits and calls give the same tokens on every machine: exponentials are
 * {@link Numerics#exp}, sums run in a fixed order. Nothing is allocated after construction. One
 * thread at a time.
 */
public final class Sampler {
  private final SamplingParams params;
  private final int vocabSize;
  private final SplittableRandom random;

  /**
   * The candidates as {@link #key}s, so that comparing longs sorts them: all tokens, or as many as
   * top-k leaves; empty where only the best is wanted.
   */
  private final long[] keys;

  /** The last tokens accepted, as a ring, and how often each is in it; empty without penalties. */
  private final int[] recent;

  private final int[] recentCounts;
  private int accepted;

  /**
   * Of {@link #keys}, those still in the heap; the ones taken out are behind them, the best last.
   */
  private int heapSize;

  /** Of {@link #keys}, how many the best so far fill; a heap with the worst on top once all are. */
  private int kept;

  /**
   * @param vocabSize logits in a row
   */
  public Sampler(SamplingParams params, int vocabSize) {
    if (vocabSize < 1) {
      throw new IllegalArgumentException("a vocabulary has at least one token, not " + vocabSize);
    }
    this.params = params;
    this.vocabSize = vocabSize;
    this.random = new SplittableRandom(params.seed());
    this.keys = new long[candidates(params, vocabSize)];
    this.recent = new int[params.penalises() ? params.repeatLastN() : 0];
    this.recentCounts = new int[params.penalises() ? vocabSize : 0];
  }

  private static int candidates(SamplingParams params, int vocabSize) {
    if (params.temperature() == 0) {
      return 0;
    }
    return params.topK() == 0 ? vocabSize : Math.min(params.topK(), vocabSize);
  }

  /**
   * Notes a token of the prompt or of the answer for the penalties; {@link #next} does not do so
   * itself.
   *
   * @throws IllegalArgumentException for an id outside the vocabulary
   */
  public void accept(int token) {
    if (token < 0 || token >= vocabSize) {
      throw new IllegalArgumentException(
          "token id " + token + " is outside the vocabulary of " + vocabSize + " tokens");
    }
    if (recent.length == 0) {
      return;
    }
    int slot = accepted % recent.length;
    if (accepted >= recent.length) {
      recentCounts[recent[slot]]--;
    }
    recent[slot] = token;
    recentCounts[token]++;
    // Counting on from one full round keeps the slot and cannot overflow.
    accepted = accepted + 1 == 2 * recent.length ? recent.length : accepted + 1;
  }

  /** {@link #next(MemorySegment, MemorySegment, long)} where the maxima are not known. */
  public int next(MemorySegment logits, long row) {
    return next(logits, MemorySegment.NULL, row);
  }

  /**
   * The next token.
   *
   * @param logits float32, (rows, vocabulary); not changed
   * @param maxima their {@link Kernels#maxima}, which spare it most of the looking; or nothing
   * @param row the row to choose from
   * @throws IllegalStateException where a logit is NaN or +∞, or all are −∞: the model or its
   *     kernels are broken
   */
  public int next(MemorySegment logits, MemorySegment maxima, long row) {
    long first = row * vocabSize;
    // What is penalised is not what the maxima are of.
    MemorySegment known = recentCounts.length == 0 ? maxima : MemorySegment.NULL;
    long firstRun = row * Kernels.maximaOf(vocabSize);
    if (params.temperature() == 0) {
      return best(logits, first, known, firstRun);
    }
    if (keys.length < vocabSize) {
      keepBest(logits, first, known, firstRun);
      return drawFromBest(finite(logitOf(keys[keys.length - 1])));
    }
    long best = Long.MAX_VALUE;
    for (int id = 0; id < vocabSize; id++) {
      keys[id] = key(logit(logits, first, id), id);
      best = Math.min(best, keys[id]);
    }
    float max = finite(logitOf(best));
    return params.truncates() ? drawFromBest(max) : draw(0, vocabSize, max);
  }

  /** The token of the greatest logit, of equal ones the lowest. */
  private int best(MemorySegment logits, long first, MemorySegment maxima, long firstRun) {
    float best = Float.NEGATIVE_INFINITY;
    int chosen = 0;
    for (int from = 0; from < vocabSize; from += Kernels.MAXIMA_RUN) {
      if (maximum(maxima, firstRun, from) <= best) {
        continue;
      }
      int to = Math.min(from + Kernels.MAXIMA_RUN, vocabSize);
      for (int id = next(logits, first, from, to, best); id < to; ) {
        float logit = logit(logits, first, id);
        if (logit > best) {
          best = logit;
          chosen = id;
        }
        id = next(logits, first, id + 1, to, best);
      }
    }
    finite(best);
    return chosen;
  }

  /** No logit of the run that begins at {@code from} is greater; +∞ where one is no number. */
  private static float maximum(MemorySegment maxima, long firstRun, int from) {
    return maxima.byteSize() == 0
        ? Float.POSITIVE_INFINITY
        : maxima.getAtIndex(ValueLayout.JAVA_FLOAT, firstRun + from / Kernels.MAXIMA_RUN);
  }

  /**
   * The next token of [id, to) whose logit is no less than that, or no number. Most are less: what
   * is done with them all is this one comparison.
   */
  private int next(MemorySegment logits, long first, int id, int to, float least) {
    int at = id;
    if (recentCounts.length == 0) {
      while (at < to && logits.getAtIndex(ValueLayout.JAVA_FLOAT, first + at) < least) {
        at++;
      }
    }
    return at;
  }

  /** Fills {@link #keys} with the best candidates, the best one last. */
  private void keepBest(MemorySegment logits, long first, MemorySegment maxima, long firstRun) {
    float least = leastOfBest(maxima, firstRun);
    kept = 0;
    for (int from = 0; from < vocabSize; from += Kernels.MAXIMA_RUN) {
      if (maximum(maxima, firstRun, from) < leastToKeep(least)) {
        continue;
      }
      int to = Math.min(from + Kernels.MAXIMA_RUN, vocabSize);
      for (int id = next(logits, first, from, to, leastToKeep(least)); id < to; ) {
        keep(key(logit(logits, first, id), id));
        id = next(logits, first, id + 1, to, leastToKeep(least));
      }
    }
    sortKept();
  }

  /**
   * A bound below all of the best candidates: so many runs have a maximum that is no less, where
   * there are so many.
   */
  private float leastOfBest(MemorySegment maxima, long firstRun) {
    int runs = Kernels.maximaOf(vocabSize);
    if (maxima.byteSize() == 0 || runs < keys.length) {
      return Float.NEGATIVE_INFINITY;
    }
    kept = 0;
    for (int run = 0; run < runs; run++) {
      float maximum = maxima.getAtIndex(ValueLayout.JAVA_FLOAT, firstRun + run);
      if (kept < keys.length || maximum > logitOf(keys[0])) {
        keep(key(maximum, run));
      }
    }
    return logitOf(keys[0]);
  }

  /** A logit that is less is not among the best. */
  private float leastToKeep(float least) {
    return kept < keys.length ? least : logitOf(keys[0]);
  }

  /** Takes a candidate that may be among the best so far. */
  private void keep(long key) {
    if (kept < keys.length) {
      keys[kept++] = key;
      for (int i = kept == keys.length ? kept / 2 - 1 : -1; i >= 0; i--) {
        sinkWorst(i, keys[i]);
      }
    } else if (key < keys[0]) {
      sinkWorst(0, key);
    }
  }

  /** All are taken out of the heap: in order. */
  private void sortKept() {
    int count = keys.length;
    heapSize = 0;
    for (int end = count - 1; end > 0; end--) {
      long worst = keys[0];
      sinkWorst(0, keys[end], end);
      keys[end] = worst;
    }
    for (int i = 0, j = count - 1; i < j; i++, j--) {
      long better = keys[i];
      keys[i] = keys[j];
      keys[j] = better;
    }
  }

  private void sinkWorst(int from, long moved) {
    sinkWorst(from, moved, keys.length);
  }

  /** In a heap of {@code size} keys with the worst on top. */
  private void sinkWorst(int from, long moved, int size) {
    int at = from;
    while (2 * at + 1 < size) {
      int child = 2 * at + 1;
      if (child + 1 < size && keys[child + 1] > keys[child]) {
        child++;
      }
      if (keys[child] <= moved) {
        break;
      }
      keys[at] = keys[child];
      at = child;
    }
    keys[at] = moved;
  }

  private float logit(MemorySegment logits, long first, int id) {
    float logit = logits.getAtIndex(ValueLayout.JAVA_FLOAT, first + id);
    if (!(logit < Float.POSITIVE_INFINITY)) {
      throw new IllegalStateException(
          "the model gave " + logit + " as the logit of token " + id + "; its file may be damaged");
    }
    int count = recentCounts.length == 0 ? 0 : recentCounts[id];
    return count == 0 ? logit : penalised(logit, count);
  }

  private float penalised(float logit, int count) {
    float scaled = logit <= 0 ? logit * params.repeatPenalty() : logit / params.repeatPenalty();
    return scaled - count * params.frequencyPenalty() - params.presencePenalty();
  }

  private static float finite(float max) {
    if (max == Float.NEGATIVE_INFINITY) {
      throw new IllegalStateException(
          "the model gave no token a finite logit; its file may be damaged");
    }
    return max;
  }

  /** Draws from the best tokens that top-k, top-p and min-p leave; at least one is left. */
  private int drawFromBest(float max) {
    int limit = keys.length;
    double mass = params.topP() < 1 ? mass(0, limit, max, 1f) : 0; // before a heap moves them about
    if (limit == vocabSize) {
      buildHeap();
    }
    double enough = params.topP() < 1 ? params.topP() * mass : Double.POSITIVE_INFINITY;
    double reached = 0;
    int kept = 0;
    while (kept < limit && reached < enough) {
      takeBest(kept + 1);
      float relative = Numerics.exp(logitOf(keys[limit - 1 - kept]) - max);
      if (kept > 0 && relative < params.minP()) {
        break;
      }
      reached += relative;
      kept++;
    }
    return draw(limit - kept, limit, max);
  }

  /** Draws one of {@code keys[from, to)}, each by its share at the temperature. */
  private int draw(int from, int to, float max) {
    double target = random.nextDouble() * mass(from, to, max, params.temperature());
    double reached = 0;
    int chosen = to - 1;
    for (int i = to - 1; i >= from && reached <= target; i--) {
      float weight = weight(keys[i], max, params.temperature());
      if (weight > 0) {
        chosen = i;
        reached += weight;
      }
    }
    return idOf(keys[chosen]);
  }

  private double mass(int from, int to, float max, float temperature) {
    double sum = 0;
    for (int i = to - 1; i >= from; i--) {
      sum += weight(keys[i], max, temperature);
    }
    return sum;
  }

  private static float weight(long key, float max, float temperature) {
    return Numerics.exp((logitOf(key) - max) / temperature);
  }

  private void buildHeap() {
    heapSize = vocabSize;
    for (int i = vocabSize / 2 - 1; i >= 0; i--) {
      siftDown(i, keys[i]);
    }
  }

  /** Moves the best candidates out of the heap until {@code count} are out. */
  private void takeBest(int count) {
    while (vocabSize - heapSize < count) {
      long best = keys[0];
      long moved = keys[--heapSize];
      siftDown(0, moved);
      keys[heapSize] = best;
    }
  }

  private void siftDown(int from, long moved) {
    int at = from;
    while (2 * at + 1 < heapSize) {
      int child = 2 * at + 1;
      if (child + 1 < heapSize && keys[child + 1] < keys[child]) {
        child++;
      }
      if (keys[child] >= moved) {
        break;
      }
      keys[at] = keys[child];
      at = child;
    }
    keys[at] = moved;
  }

  /** Orders by greater logit, then by lower id. */
  private static long key(float logit, int id) {
    // Adding zero makes -0 and 0 one logit; the flip makes the bits of negative floats ascend as
    // ints.
    int bits = Float.floatToRawIntBits(logit + 0f);
    int ascending = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
    return ((long) ~ascending << Integer.SIZE) | id;
  }

  private static int idOf(long key) {
    return (int) key;
  }

  private static float logitOf(long key) {
    int ascending = ~(int) (key >> Integer.SIZE);
    return Float.intBitsToFloat(ascending ^ ((ascending >> 31) & Integer.MAX_VALUE));
  }
}
