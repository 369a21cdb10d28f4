package dev.baton.schedule;

/**
 * How many tokens of prompts a step may compute beside its decode rows, so that none of these waits
 * longer than the <em>stall bound</em>, the longest gap between two tokens of an answer. The bound
 * is what was asked for; else {@link #DEFAULT_STALL_NS}, or two steps of the decode rows where that
 * is more. Costs are measured ({@link #ran}), and what is planned for is less than the bound by so
 * much that about one pass in a hundred is over it.
 *
 * <p>Where passes pause between layers ({@link BatchRunner}), a chunk for which the bound leaves no
 * time does not get smaller, which would cost throughput: the rows stay out of its batch ({@link
 * #rowsApart}), which pauses for them.
 *
 * <p>Where nobody decodes, chunks are as large as configured, and a step is one of them; but behind
 * a prompt that ends in the batch, whose first token waits for the batch, others' chunks are
 * bounded as well. One chunk a step always gets {@link #LEAST_TOKENS}, so that prompts get on
 * whatever the bound.
 *
 * <p>Allocates nothing. One thread.
 */
public final class StepBudget {
  /** One chunk a step gets so many, whatever the bound: less is hardly cheaper. */
  public static final int LEAST_TOKENS = 16;

  /**
   * Behind bounded chunks that do not end a prompt the batch has whole units of rows, as kernels
   * like it. Deep in a prompt, where few tokens fit, larger units would leave much of the time
   * unused.
   */
  static final int UNIT_TOKENS = 8;

  /** The bound where none is asked for and steps are short. */
  public static final long DEFAULT_STALL_NS = 50_000_000;

  /** What is planned for, of the bound, before it is known by what passes differ. */
  private static final double FIRST_AIM = 0.9;

  private static final double LEAST_AIM = 0.7;
  private static final double MOST_AIM = 0.97;

  /** A pass over the bound lowers the aim by as much as a hundred that keep it raise it. */
  private static final double LOWERED = 0.05;

  /** A pass that takes so many times the bound was held up: that says nothing of the plan. */
  private static final double INTERRUPTED = 1.5;

  private static final double RAISED = LOWERED / 100;

  /** A pass pauses for rows so long before the bound, of it. */
  private static final double PAUSE_AIM = 0.96;

  /** Where passes pause, a chunk that could not have as much of its room stays by itself. */
  private static final double WORTH_JOINING = 0.875;

  /** Work of up to so many tokens is run in a pause. */
  public static final int MOST_WITHIN_TOKENS = 32;

  private final int chunkTokens;
  private final long maxStallNs;
  private final StepCost cost = new StepCost(); // of batches
  private final StepCost shareCost = new StepCost(); // of passes through a share of the layers
  private int provenTokens; // largest chunk of late that kept the bound
  private double provenNs = 1; // and its pass

  private double aim = FIRST_AIM; // the rest is for what passes differ by
  private double unpausedShare; // of a pass; 0 where passes do not pause
  private boolean rowsApart;
  private boolean timed;
  private int rows;
  private double leftNs;
  private int leftTokens;
  private int leftProven;
  private int given;

  /**
   * @param chunkTokens most tokens of prompts that go through the layers together
   * @param maxStallNs the bound; 0 for the default
   */
  public StepBudget(int chunkTokens, long maxStallNs) {
    if (chunkTokens < 1 || maxStallNs < 0) {
      throw new IllegalArgumentException(
          "a chunk has at least one token and a stall bound is not negative, got "
              + chunkTokens
              + " and "
              + maxStallNs
              + " ns");
    }
    this.chunkTokens = chunkTokens;
    this.maxStallNs = maxStallNs;
  }

  /**
   * Passes pause between layers for what is due; at first they do not.
   *
   * @param share the part of a pass behind which one may pause again, 0..1
   */
  void passesPauseBehind(double share) {
    unpausedShare = share;
  }

  /** Whether the step's rows stay out of a batch with a prompt's chunk, which pauses for them. */
  public boolean rowsApart() {
    return rowsApart;
  }

  /**
   * When a pass has to pause for decode rows.
   *
   * @param lastTokenNs when the last token came of the one that has waited longest
   */
  public long dueNs(int decodeRows, long lastTokenNs) {
    return lastTokenNs + (long) (PAUSE_AIM * boundNs(decodeRows) - cost.decodeNs(decodeRows));
  }

  /** The stall bound of a batch with so many decode rows. */
  public long boundNs(int decodeRows) {
    return maxStallNs > 0
        ? maxStallNs
        : Math.max(DEFAULT_STALL_NS, (long) (2 * cost.decodeNs(decodeRows)));
  }

  /**
   * A new step begins.
   *
   * @param decodeRows sessions that get their next token by it
   * @param waitedNs how long ago the last token is of the one that has waited longest
   */
  public void begin(int decodeRows, long waitedNs) {
    timed = decodeRows > 0;
    rows = decodeRows;
    double passNs = aim * boundNs(decodeRows) - waitedNs;
    leftNs = passNs - cost.decodeNs(decodeRows);
    leftTokens = chunkTokens;
    leftProven = largest(passNs);
    given = 0;
    rowsApart = false;
  }

  /**
   * A pass that has mostly to wait for weights takes no longer with some tokens more, and then it
   * does: so what a token adds says little of chunks larger than those seen. But no token is dearer
   * than all of a smaller chunk's pass made it, and a little more may be tried.
   */
  private int largest(double passNs) {
    return Math.max(provenTokens + LEAST_TOKENS, (int) (provenTokens * passNs / provenNs));
  }

  /**
   * Takes a chunk for the step's batch.
   *
   * @param tokens what is left of the prompt
   * @param position where that begins
   * @return its tokens; 0 when the step has no room or no time for it
   */
  public int take(int tokens, int position) {
    int room = Math.min(tokens, leftTokens);
    int most = timed ? Math.clamp(leftProven, 0, room) : room;
    int chunk = fit(tokens, room, most, cost.tokenNs(position));
    leftTokens -= chunk;
    leftProven -= chunk;
    timed |= chunk == tokens;
    return chunk;
  }

  /**
   * Takes tokens that go through some of the layers in a pass of their own within the step.
   *
   * @param tokens what is there of the prompt
   * @param position where that begins
   * @param share the part of all layers, 0..1
   * @return its tokens; 0 when the step has no time for it
   */
  public int takeShare(int tokens, int position, double share) {
    int room = (int) Math.min(tokens, leftTokens / share);
    int chunk = fit(tokens, room, room, share * shareCost.tokenNs(position));
    leftTokens -= (int) Math.ceil(chunk * share);
    return chunk;
  }

  /**
   * Takes all of little work, for a step within a pass that pauses.
   *
   * @param tokens what is left of the prompt
   * @param position where that begins
   * @return its tokens; 0 when it is not little, or the step has no time for it
   */
  public int takeWhole(int tokens, int position) {
    double ns = tokens * cost.tokenNs(position);
    if (given + tokens > MOST_WITHIN_TOKENS || (timed && ns > leftNs)) {
      return 0;
    }
    given += tokens;
    leftNs -= ns;
    return tokens;
  }

  private int fit(int tokens, int room, int most, double tokenNs) {
    int chunk = most;
    if (timed) {
      double inTime = tokenNs > 0 ? Math.max(0, leftNs / tokenNs) : LEAST_TOKENS;
      chunk = (int) Math.min(most, inTime);
    }
    if (unpausedShare > 0 && chunk < WORTH_JOINING * room) {
      return fitApart(tokens, room, tokenNs);
    }
    if (chunk < tokens && (timed || given > 0)) {
      chunk -= Math.min(chunk, (rows + given + chunk) % UNIT_TOKENS);
    }
    if (given == 0) {
      chunk = Math.max(chunk, least(tokens));
    }
    given += chunk;
    leftNs -= chunk * tokenNs;
    return chunk;
  }

  /** What one chunk of a step always gets. */
  private int least(int tokens) {
    return Math.min(tokens, Math.min(chunkTokens, LEAST_TOKENS));
  }

  /**
   * The first chunk of a step for which there is too little time has all the room, by itself, as
   * far as rows that have waited least can wait for a layer of it.
   */
  private int fitApart(int tokens, int room, double tokenNs) {
    if (given > 0) {
      return 0;
    }
    double layerNs = PAUSE_AIM * boundNs(rows) - cost.decodeNs(rows);
    double inLayer = layerNs / (BatchRunner.SLOWER * unpausedShare * tokenNs);
    int chunk = rows > 0 && tokenNs > 0 ? (int) Math.clamp(inLayer, least(tokens), room) : room;
    rowsApart = rows > 0;
    timed = false;
    given = chunk;
    leftNs -= chunk * tokenNs;
    return chunk;
  }

  /**
   * A step's batch was computed.
   *
   * @param decodeRows rows of it that gave a session's next token
   * @param tokens of prompts in it
   * @param depth where these stand in their prompts, about
   */
  public void ran(int decodeRows, int tokens, int depth, long ns) {
    if (tokens == 0) {
      cost.ranRows(decodeRows, ns);
      return;
    }
    cost.ranChunk(decodeRows, tokens, depth, ns);
    long boundNs = boundNs(decodeRows);
    if (decodeRows > 0 && ns < INTERRUPTED * boundNs) {
      double next = ns > boundNs ? aim - LOWERED : aim + RAISED;
      aim = Math.clamp(next, LEAST_AIM, MOST_AIM);
    }
    if (ns > boundNs && decodeRows > 0) {
      provenTokens = Math.min(provenTokens, tokens / 2);
      provenNs = boundNs;
    } else if (ns <= boundNs && tokens >= provenTokens) {
      provenTokens = tokens;
      provenNs = Math.max(1, ns);
    }
  }

  /** Tokens went through a share of the layers in a pass of their own. */
  public void ranShare(int tokens, int depth, double share, long ns) {
    shareCost.ranChunk(0, tokens, depth, Math.round(ns / share));
  }
}
