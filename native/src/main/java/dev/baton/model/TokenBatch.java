package dev.baton.model;

import dev.baton.kv.KvSequence;
import java.util.Arrays;

/**
 * The rows of one forward pass: runs of tokens, each of one sequence at following positions. A
 * prefill chunk is one run, a decode step one run of one token per sequence, and both may share a
 * batch. A run says how many of its last rows are wanted behind the model's last layer: of a
 * prefill chunk that is the prompt's last row at most. Reused; one thread at a time.
 */
public final class TokenBatch {
  private final int[] tokens;
  private final KvSequence[] sequences;
  private final int[] firstRow;
  private final int[] firstPosition;
  private final int[] wanted;
  private int wantedRows;
  private int rows;
  private int runs;

  /**
   * @param maxTokens rows there is room for
   */
  public TokenBatch(int maxTokens) {
    tokens = new int[maxTokens];
    sequences = new KvSequence[maxTokens];
    firstRow = new int[maxTokens + 1];
    firstPosition = new int[maxTokens];
    wanted = new int[maxTokens];
  }

  /** Empties the batch and lets go of the sequences. */
  public TokenBatch clear() {
    Arrays.fill(sequences, 0, runs, null);
    rows = 0;
    runs = 0;
    wantedRows = 0;
    return this;
  }

  /** Adds a run of which all rows are wanted. */
  public TokenBatch add(KvSequence sequence, int[] source, int from, int count, int position) {
    return add(sequence, source, from, count, position, count);
  }

  /**
   * Adds tokens {@code source[from .. from + count)} of {@code sequence} at positions from {@code
   * position} on. Their slots are the sequence's own then: until the pass has run it must not be
   * forked.
   *
   * @param wantedOfRun how many of the run's last rows are wanted behind the model's last layer,
   *     0..count
   * @throws IllegalArgumentException when the batch is full or the sequence has no such slots
   * @throws IllegalStateException when they lie in a block that others have too, and none is free
   *     for a copy; {@link KvSequence#writable} tells before
   */
  public TokenBatch add(
      KvSequence sequence, int[] source, int from, int count, int position, int wantedOfRun) {
    if (count < 1 || rows + count > tokens.length) {
      throw new IllegalArgumentException(
          count + " more tokens do not fit a batch of " + tokens.length + " with " + rows);
    }
    if (position < 0 || position + count > sequence.capacityTokens()) {
      throw new IllegalArgumentException(
          "positions ["
              + position
              + ", "
              + (position + count)
              + ") are outside a sequence of "
              + sequence.capacityTokens()
              + " slots");
    }
    if (wantedOfRun < 0 || wantedOfRun > count) {
      throw new IllegalArgumentException(
          wantedOfRun + " rows cannot be wanted of a run of " + count);
    }
    if (!sequence.writable(position, position + count)) {
      throw new IllegalStateException(
          "no KV block is free for a copy of one that others have too: ask writable() before");
    }
    System.arraycopy(source, from, tokens, rows, count);
    sequences[runs] = sequence;
    firstRow[runs] = rows;
    firstPosition[runs] = position;
    wanted[runs] = wantedOfRun;
    wantedRows += wantedOfRun;
    runs++;
    rows += count;
    firstRow[runs] = rows;
    return this;
  }

  /** Takes a run out: those behind it move up, and so must their hidden rows. */
  public void remove(int run) {
    int count = runTokens(run);
    int behind = runs - run - 1;
    System.arraycopy(tokens, firstRow[run + 1], tokens, firstRow[run], rows - firstRow[run + 1]);
    System.arraycopy(sequences, run + 1, sequences, run, behind);
    System.arraycopy(firstPosition, run + 1, firstPosition, run, behind);
    wantedRows -= wanted[run];
    System.arraycopy(wanted, run + 1, wanted, run, behind);
    for (int i = run + 1; i < runs; i++) {
      firstRow[i] = firstRow[i + 1] - count;
    }
    runs--;
    rows -= count;
    sequences[runs] = null;
  }

  /** Rows in all. */
  public int rows() {
    return rows;
  }

  /** Rows that are wanted behind the model's last layer. */
  public int wantedRows() {
    return wantedRows;
  }

  public int token(int row) {
    return tokens[row];
  }

  public int runs() {
    return runs;
  }

  public KvSequence sequence(int run) {
    return sequences[run];
  }

  public int firstRow(int run) {
    return firstRow[run];
  }

  public int runTokens(int run) {
    return firstRow[run + 1] - firstRow[run];
  }

  public int firstPosition(int run) {
    return firstPosition[run];
  }

  /** The last rows of the run that are wanted behind the model's last layer. */
  public int runWanted(int run) {
    return wanted[run];
  }
}
