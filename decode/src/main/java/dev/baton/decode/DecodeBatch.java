package dev.baton.decode;

import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import dev.baton.schedule.BatchRunner;
import java.util.Arrays;
import java.util.List;

/**
 * The sessions that go through all layers together: one row of each that decodes, and behind them
 * what was granted to prompts. One for steps, and one for those within a pass that pauses: what is
 * in that stays there. The compute thread's; allocates nothing.
 */
final class DecodeBatch {
  private final ModelBackend model;
  private final DecodeCompute compute;
  private final boolean within;
  private final DecodeSession[] sessions; // in the order of their runs
  private final int[] rows;
  private int count;
  private boolean left; // some did so in mid pass

  /**
   * @param within for steps within a pass that pauses
   */
  DecodeBatch(ModelBackend model, int maxSessions, DecodeCompute compute, boolean within) {
    this.model = model;
    this.compute = compute;
    this.within = within;
    this.sessions = new DecodeSession[maxSessions];
    this.rows = new int[maxSessions];
  }

  /**
   * One pass, and the tokens it gives. Where it fails, that says nothing about whose fault it was:
   * nobody in it gets a half-computed answer.
   *
   * @return rows run
   */
  int run(List<DecodeSession> active, BatchRunner runner) {
    TokenBatch batch = runner.batch().clear();
    int done = 0;
    left = false;
    try {
      int chunk = fill(active, runner);
      done = batch.rows();
      if (done > 0) {
        long startNs = runner.workNs();
        runner.forward().embed(batch);
        if (runner.layers(0, model.shape().layers())) {
          ran(runner, done, chunk, startNs);
        }
      }
    } catch (Exception e) {
      String why = "the forward pass failed: " + DecodeQueue.told(e);
      for (int i = 0; i < count; i++) {
        sessions[i].fail(why);
      }
      done++;
    }
    batch.clear();
    for (int i = 0; i < count; i++) {
      sessions[i].inPass(false);
    }
    Arrays.fill(sessions, 0, count, null);
    count = 0;
    return done;
  }

  /**
   * @param startNs when it began, by {@link BatchRunner#workNs}
   */
  private void ran(BatchRunner runner, int all, int chunk, long startNs) {
    compute.ranChunk(chunk, model.shape().layers(), runner.workNs() - startNs);
    int depth = chunkDepth(chunk);
    long sampledNs = sample(runner);
    // The few tokens of a step within say nothing of what a chunk's cost.
    if (!left && !(within && chunk > 0)) {
      runner.budget().ran(all - chunk, chunk, depth, sampledNs - startNs);
    }
  }

  /** Returns how many of the rows are prompts'. */
  private int fill(List<DecodeSession> active, BatchRunner runner) {
    TokenBatch batch = runner.batch();
    if (within || !(runner.rowsApart() && hasChunk(active))) {
      for (int i = 0; i < active.size(); i++) {
        if (active.get(i).isRow() && hasSlots(active.get(i))) {
          add(active.get(i), batch, 1);
        }
      }
    }
    int chunk = 0;
    for (int i = 0; i < active.size(); i++) {
      if (isChunk(active.get(i)) && hasSlots(active.get(i))) {
        chunk += add(active.get(i), batch, active.get(i).granted());
      }
    }
    return chunk;
  }

  private boolean hasChunk(List<DecodeSession> active) {
    for (int i = 0; i < active.size(); i++) {
      if (isChunk(active.get(i))) {
        return true;
      }
    }
    return false;
  }

  private boolean isChunk(DecodeSession session) {
    return !session.isInPass()
        && session.isWithin() == within
        && session.pending() > 1
        && session.granted() > 0;
  }

  /** Within a pass that pauses nobody gives way: who has none waits for the next step. */
  private boolean hasSlots(DecodeSession session) {
    return !within || session.growForStep();
  }

  /** Where the prompts' tokens in the batch stand, in the middle. */
  private int chunkDepth(int chunk) {
    long sum = 0;
    for (int i = 0; i < count && chunk > 0; i++) {
      if (rows[i] > 1) {
        sum += (long) rows[i] * (sessions[i].ready() + rows[i] / 2);
      }
    }
    return chunk == 0 ? 0 : (int) (sum / chunk);
  }

  private int add(DecodeSession session, TokenBatch batch, int most) {
    session.inPass(true);
    sessions[count] = session;
    rows[count] = session.addTo(batch, most);
    return rows[count++];
  }

  /** A session whose run was taken out of the pass. */
  void leave(DecodeSession session) {
    for (int i = 0; i < count; i++) {
      if (sessions[i] == session) {
        System.arraycopy(sessions, i + 1, sessions, i, count - i - 1);
        System.arraycopy(rows, i + 1, rows, i, count - i - 1);
        sessions[--count] = null;
        session.inPass(false);
        left = true;
        return;
      }
    }
  }

  /**
   * Behind the last layer the batch's wanted rows stand side by side, one a session.
   *
   * @return when all were computed, by {@link BatchRunner#workNs}: what listeners do then is their
   *     own time
   */
  private long sample(BatchRunner runner) {
    int wanted = 0;
    for (int i = 0; i < count; i++) {
      DecodeSession session = sessions[i];
      session.inPass(false);
      if (session.advanced(rows[i])) {
        sessions[wanted++] = session;
      }
    }
    Arrays.fill(sessions, wanted, count, null);
    count = wanted;
    if (wanted == 0) {
      return runner.workNs();
    }
    compute.computeLogits(wanted);
    long computedNs = runner.workNs();
    long nowNs = runner.nowNs();
    for (int row = 0; row < wanted; row++) {
      sessions[row].choose(compute, row, nowNs);
      compute.stalls().record(sessions[row].gapNs());
    }
    for (int row = 0; row < wanted && !runner.isStopped(); row++) {
      sessions[row].tell(compute.shownLogits(), row);
    }
    return computedNs;
  }
}
