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
   * @param pieces of the cache that attention reads
   */
  record Run(int rows, int wanted, List<GgmlReads.Piece> pieces) {
    int rows(boolean onlyWanted) {
      return onlyWanted ? wanted : rows;
    }

    /** Slots that attention reads, whole steps of {@link GgmlKv#STEP_SLOTS}. */
    int kvSlots() {
      int slots = 0;
      for (GgmlReads.Piece piece : pieces) {
        slots += piece.slots();
      }
      return slots;
    }

    /** True where the slots follow each other. */
    boolean isInPlace() {
      return pieces.size() == 1;
    }
  }

  static GgmlShape of(TokenBatch batch, List<GgmlReads> reads) {
    List<Run> runs = new ArrayList<>(batch.runs());
    for (int run = 0; run < batch.runs(); run++) {
      runs.add(new Run(batch.runTokens(run), batch.runWanted(run), reads.get(run).pieces()));
    }
    return new GgmlShape(batch.rows(), batch.wantedRows(), runs);
  }

  /** Two runs of a row each, for graphs that are only looked at: they have all operations. */
  static GgmlShape pair() {
    Run inPlace = new Run(1, 1, GgmlReads.first(1).pieces());
    Run joined = new Run(1, 1, GgmlReads.first(2).pieces());
    return new GgmlShape(2, 2, List.of(inPlace, joined));
  }

  /** Rows of a sequence at the cache's beginning. */
  static GgmlShape sample(int rows) {
    return new GgmlShape(rows, 1, List.of(new Run(rows, 1, GgmlReads.first(1).pieces())));
  }

  /** Slots of the longest run that is not read in place; 0 for none. */
  int joinedSlots() {
    int most = 0;
    for (Run run : runs) {
      most = run.isInPlace() ? most : Math.max(most, run.kvSlots());
    }
    return most;
  }

  /** Pieces of the cache that are put together. */
  int joinedPieces() {
    int pieces = 0;
    for (Run run : runs) {
      pieces += run.isInPlace() ? 0 : run.pieces().size();
    }
    return pieces;
  }
}
