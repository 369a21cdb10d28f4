package dev.baton.ggml;

import dev.baton.model.TokenBatch;
import java.util.ArrayList;
import java.util.List;

/**
 * What a graph is made for: batches of the same shape run through the same graphs.
 *
 * @param rows of the batch
 * @param wanted rows behind the model's last layer
 * @param runs of rows of one sequence each
 */
record GgmlShape(int rows, int wanted, List<Run> runs) {
  /**
   * Rows of one sequence.
   *
   * @param rows how many
   * @param wanted how many of them behind the model's last layer
   * @param firstSlot of the sequence
   * @param kvSlots that attention reads from there on, whole steps of {@link GgmlKv#STEP_SLOTS}
   */
  record Run(int rows, int wanted, int firstSlot, int kvSlots) {
    int rows(boolean onlyWanted) {
      return onlyWanted ? wanted : rows;
    }
  }

  static GgmlShape of(TokenBatch batch) {
    List<Run> runs = new ArrayList<>(batch.runs());
    int step = GgmlKv.STEP_SLOTS;
    for (int run = 0; run < batch.runs(); run++) {
      int tokens = batch.firstPosition(run) + batch.runTokens(run);
      runs.add(
          new Run(
              batch.runTokens(run),
              batch.runWanted(run),
              batch.sequence(run).slot(0),
              (tokens + step - 1) / step * step));
    }
    return new GgmlShape(batch.rows(), batch.wantedRows(), runs);
  }

  /** Two runs of a row each, for graphs that are only looked at: they have all operations. */
  static GgmlShape pair() {
    Run run = new Run(1, 1, 0, GgmlKv.STEP_SLOTS);
    return new GgmlShape(2, 2, List.of(run, run));
  }

  /** Rows of a sequence at the cache's beginning. */
  static GgmlShape sample(int rows) {
    return new GgmlShape(rows, 1, List.of(new Run(rows, 1, 0, GgmlKv.STEP_SLOTS)));
  }
}
