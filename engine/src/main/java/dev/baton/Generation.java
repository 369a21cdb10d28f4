package dev.baton;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeSession;
import dev.baton.decode.TokenListener;
import dev.baton.kvstream.TransferReport;
import dev.baton.plan.PlanDecision;
import dev.baton.text.Tokenizer;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An answer on its way. One thread takes the text; {@link #cancel} and {@link #close} may come from
 * any.
 *
 * <p>Not reading does not hold anybody up: tokens wait here, and there is room for all of them.
 */
public final class Generation implements AutoCloseable {
  /**
   * What was planned for the request, for its report.
   *
   * @param contextEndsIt whether the model's context has room for fewer tokens than were allowed
   */
  record Plan(
      String model,
      Report.Route route,
      boolean exact,
      boolean contextEndsIt,
      @Nullable PlanDecision decision,
      @Nullable String reason,
      long measuringNs,
      @Nullable String unplanned,
      @Nullable String datagrams) {}

  private static final System.Logger LOG = System.getLogger("dev.baton");

  private final Plan plan;
  private final AnswerText text;
  private final RequestMeters meters;
  private final long startedNs;

  private final Object lock = new Object();
  private final int[] tokens; // guarded by lock
  private final long[] tokenNs; // guarded by lock
  private int received; // guarded by lock
  private int prefilled; // guarded by lock
  private int promptTokens; // guarded by lock
  private @Nullable DecodeOutcome outcome; // guarded by lock

  private int taken;
  private boolean drained;
  private @Nullable DecodeSession session;
  private AutoSplit.@Nullable Planned learner;

  Generation(
      Plan plan,
      Tokenizer tokenizer,
      GenerateRequest request,
      int maxTokens,
      RequestMeters meters,
      long startedNs) {
    this.plan = plan;
    this.meters = meters;
    this.text = new AnswerText(tokenizer, request);
    this.startedNs = startedNs;
    this.tokens = new int[maxTokens];
    this.tokenNs = new long[maxTokens];
  }

  /** Has what becomes of the request told to who planned it; before it starts. */
  void tell(AutoSplit.Planned planned) {
    learner = planned;
  }

  void start(DecodeSession decoding) {
    this.session = decoding;
  }

  TokenListener listener() {
    return new TokenListener() {
      @Override
      public void onToken(int token) {
        synchronized (lock) {
          tokenNs[received] = System.nanoTime() - startedNs;
          if (received > 0) {
            meters.token(tokenNs[received] - tokenNs[received - 1]);
          }
          tokens[received++] = token;
          lock.notifyAll();
        }
      }

      @Override
      public void onPrefill(int done, int total) {
        synchronized (lock) {
          prefilled = done;
          promptTokens = total;
          lock.notifyAll();
        }
      }

      @Override
      public void onStraggler(double timesSlower) {
        AutoSplit.Planned planned = learner;
        if (planned != null) {
          planned.leftStraggler(timesSlower);
        }
      }

      @Override
      public void onEnd(DecodeOutcome end) {
        try {
          count(end);
          learnFrom(end);
        } catch (RuntimeException e) {
          LOG.log(System.Logger.Level.WARNING, "nothing was learnt from an answer: " + e);
        } finally {
          synchronized (lock) {
            outcome = end;
            lock.notifyAll();
          }
        }
      }
    };
  }

  private void count(DecodeOutcome end) {
    long ttftNs;
    synchronized (lock) {
      ttftNs = received == 0 ? end.times().ttftNs() : tokenNs[0];
    }
    long wholeNs = System.nanoTime() - startedNs;
    meters.ended(endOf(end.end()), end, ttftNs, wholeNs, plan.decision(), plan.unplanned());
  }

  private void learnFrom(DecodeOutcome end) {
    AutoSplit.Planned planned = learner;
    if (planned != null) {
      double ttftSeconds;
      synchronized (lock) {
        ttftSeconds = received == 0 ? 0 : tokenNs[0] / 1e9;
      }
      planned.ended(end, ttftSeconds, plan.unplanned());
    }
  }

  /**
   * The next piece of the answer, whole characters, never empty; waits for it.
   *
   * @return null at the end
   * @throws BatonException when the request failed
   * @throws InterruptedException when the waiting thread is interrupted; the request goes on
   */
  public @Nullable String next() throws InterruptedException {
    while (!drained) {
      String piece = nextPiece();
      if (!piece.isEmpty()) {
        return piece;
      }
    }
    return null;
  }

  /** What one more token adds to the text, or what is left at the end. */
  private String nextPiece() throws InterruptedException {
    int token;
    synchronized (lock) {
      while (taken == received && outcome == null) {
        lock.wait();
      }
      if (taken == received) {
        DecodeOutcome end = Objects.requireNonNull(outcome);
        drained = true;
        if (end.end() == DecodeOutcome.End.FAILED) {
          throw new BatonException(String.valueOf(end.failure()));
        }
        return text.finish();
      }
      token = tokens[taken++];
    }
    String piece = text.append(token);
    drained = text.isStopped();
    return piece;
  }

  /** Prompt tokens prefilled so far, 0..1; 1 once the answer has begun. */
  public double prefillProgress() {
    synchronized (lock) {
      return received > 0 || outcome != null
          ? 1.0
          : promptTokens == 0 ? 0.0 : (double) prefilled / promptTokens;
    }
  }

  /** Ids of the tokens that {@link #next} has turned into text so far. */
  public int[] takenTokens() {
    synchronized (lock) {
      return Arrays.copyOf(tokens, taken);
    }
  }

  /** When each of {@link #takenTokens} was chosen, nanoseconds from the request. */
  public long[] takenTokensNs() {
    synchronized (lock) {
      return Arrays.copyOf(tokenNs, taken);
    }
  }

  /** Ends the answer soon; {@link #next} then gives what is left and null. */
  public void cancel() {
    DecodeSession decoding = session;
    if (decoding != null) {
      decoding.cancel();
    }
  }

  /** What the planner chose from, where the split was automatic. */
  public Optional<PlanDecision> decision() {
    return Optional.ofNullable(plan.decision());
  }

  /**
   * What the request did; waits for its end.
   *
   * @throws InterruptedException when the waiting thread is interrupted
   */
  public Report report() throws InterruptedException {
    DecodeOutcome end;
    long ttftNs;
    synchronized (lock) {
      while (outcome == null) {
        lock.wait();
      }
      end = outcome;
      ttftNs = received == 0 ? end.times().ttftNs() : tokenNs[0];
    }
    return new Report(
        plan.model(),
        endOf(end.end()).word(),
        plan.route(),
        new Report.Tokens(
            end.tokens().promptTokens(), end.tokens().cachedTokens(), end.tokens().outputTokens()),
        new Report.Times(
            plan.measuringNs(),
            end.times().prefillNs(),
            prefillRate(end),
            ttftNs,
            decodeRate(end),
            end.times().longestStallNs()),
        transferOf(end.transfer()),
        Report.numbers(plan.exact(), end.lossy()),
        plan.reason(),
        end.fallback() != null ? end.fallback() : plan.unplanned());
  }

  private Report.Transfer transferOf(@Nullable TransferReport transfer) {
    return transfer == null
        ? Report.Transfer.NONE
        : new Report.Transfer(
            transfer.kvBytes(),
            transfer.hiddenShare(),
            transfer.resumes(),
            transfer.savedBytes(),
            plan.datagrams());
  }

  private static double decodeRate(DecodeOutcome end) {
    int after = Math.max(0, end.tokens().outputTokens() - 1);
    double decodeSeconds = end.times().decodeNs() / 1e9;
    return after == 0 || decodeSeconds == 0 ? 0 : after / decodeSeconds;
  }

  /**
   * Where the request's time went; waits for its end. What the prefill node did is there when the
   * engine was opened with {@link BatonConfig#timeline}.
   *
   * @throws InterruptedException when the waiting thread is interrupted
   */
  public Timeline timeline() throws InterruptedException {
    synchronized (lock) {
      while (outcome == null) {
        lock.wait();
      }
      return Timeline.of(outcome);
    }
  }

  private static double prefillRate(DecodeOutcome end) {
    TransferReport transfer = end.transfer();
    long ns = end.times().prefillNs();
    if (transfer != null
        && end.fallback() == null
        && transfer.computeEndNs() > transfer.computeStartNs()) {
      ns = transfer.computeEndNs() - transfer.computeStartNs();
    }
    return ns == 0 ? 0 : (end.tokens().promptTokens() - end.tokens().cachedTokens()) / (ns / 1e9);
  }

  private RequestMeters.End endOf(DecodeOutcome.End end) {
    return switch (end) {
      case END_OF_GENERATION -> RequestMeters.End.END;
      case STOP -> RequestMeters.End.STOP;
      case LENGTH -> plan.contextEndsIt() ? RequestMeters.End.CONTEXT : RequestMeters.End.LENGTH;
      case CANCELLED -> RequestMeters.End.CANCELLED;
      case FAILED -> RequestMeters.End.FAILED;
    };
  }

  /** Cancels what is left. Twice is fine. */
  @Override
  public void close() {
    cancel();
  }
}
