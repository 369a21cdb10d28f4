package dev.baton;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.NodeCompute;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.SplitPlan;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A real prefill node, faster than this one, that gets a small part of its time for a while: what
 * is automatic finishes without it, the next plan knows, and it is used again when that is over. It
 * compares times, and so wants the machine for itself: with {@code -Psoak}.
 */
@Tag("soak")
class StragglerIT {
  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final int CHUNK = 128;
  private static final int PROMPT = 900;
  private static final int ANSWER = 4;
  private static final double MOST = 1.5;
  private static final AutoSplit.Ask ASK =
      new AutoSplit.Ask(PROMPT, 0, new byte[0], ANSWER, true, null, new Split.Auto());

  private static final int[] TOKENS = new SplittableRandom(3).ints(PROMPT, 2, 2000).toArray();

  private static final String SLOW = "was left for being slow";

  @TempDir Path home;
  private int slowing;

  private record Answer(double seconds, int[] tokens, DecodeOutcome outcome, boolean remote) {}

  /** Scalar kernels on one thread here: the same bits at unlike speeds. */
  @ParameterizedTest
  @CsvSource({
    // The best kernels there, far faster, at a hundredth.
    ", 1, 100, 0",
    ", 1, 100, 0.4",
    // Twice as fast, at 3%.
    "scalar, 2, 33, 0",
    "scalar, 2, 33, 0.4",
  })
  @Timeout(300)
  void shouldCostHalfMoreThanTheBestPlanThatKnewAtMostAndBeUsedAgainWhenItIsFast(
      @Nullable String isa, String threads, int slower, double share) throws Exception {
    KernelsConfig slow = KernelsConfig.defaults().withThreads(1).withIsa("scalar");
    slowing = slower;
    try (BatonProcess node =
            BatonProcess.start(
                List.of(),
                isa == null ? Map.of() : Map.of("BATON_CPU_ISA", isa),
                "node",
                "--threads",
                threads,
                "--model",
                BatonProcess.TINY.toString());
        NodeCompute compute = NodeCompute.open(BatonProcess.TINY, slow, done -> {});
        StreamNode stream =
            StreamNode.launch(
                StreamConfig.builder().leaseNs(LEASE.toNanos()).build(),
                compute.identity("decode"),
                null);
        PrefillPeer peer = stream.connect(node.awaitReady());
        DecodeQueue queue =
            new DecodeQueue(compute.model(), compute.pool(), 2, CHUNK, System::nanoTime)) {
      BatonConfig config =
          BatonConfig.builder(BatonProcess.TINY).prefill("127.0.0.1:9").chunkTokens(CHUNK).build();
      AutoSplit.Pair pair = new AutoSplit.Pair(config, compute, "tiny", () -> peer, queue);
      try (AutoSplit auto = measured(pair)) {
        auto.measuring().awaitWarm(LEASE);
        auto.measuring().close();
        Answer local = run(auto, peer, queue, node, false, -1);
        Answer quick = run(auto, peer, queue, node, true, -1);
        for (int i = 0; i < 4; i++) {
          quick = run(auto, peer, queue, node, true, -1);
        }
        assertTrue(quick.remote, "the node is not worth anything");
        Answer left = run(auto, peer, queue, node, true, share * quick.seconds);
        local = run(auto, peer, queue, node, false, -1);
        String all = "slowed at " + share + ", " + left.seconds + " s, here " + local.seconds;
        System.out.println(all + " s, quick " + quick.seconds + " s: " + left.outcome.fallback());
        String why = String.valueOf(left.outcome.fallback());
        assertTrue(why.startsWith("the prefill node fell"), why + "; " + all);
        assertArrayEquals(local.tokens, left.tokens);
        assertTrue(left.seconds <= MOST * local.seconds, all);
        awaitRecovery(auto);
      }
    }
  }

  /** On a busy machine a measured request may not end in its time. */
  private AutoSplit measured(AutoSplit.Pair pair) {
    String why = "";
    for (int i = 0; i < 3; i++) {
      AutoSplit auto = new AutoSplit(pair, home.resolve(Integer.toString(i)));
      if (auto.measuring().await(LEASE)) {
        return auto;
      }
      why = auto.measuring().whyUnknown();
      auto.close();
    }
    throw new AssertionError(why);
  }

  /** It is measured when nobody asks for anything; who looks does so rarely. */
  private static void awaitRecovery(AutoSplit auto) {
    for (int i = 0; i < 20; i++) {
      BatonProcess.pause(3_000);
      if (!plan(auto).reason().contains(SLOW)) {
        return;
      }
    }
    assertFalse(plan(auto).reason().contains(SLOW), plan(auto).reason());
  }

  private static PlanDecision plan(AutoSplit auto) {
    AutoSplit.Planned planned = auto.plan(ASK);
    planned.abandoned();
    return Objects.requireNonNull(planned.decision());
  }

  /**
   * @param slowSeconds when the node is slowed, behind the request's beginning; negative for never
   */
  private Answer run(
      AutoSplit auto,
      PrefillPeer peer,
      DecodeQueue queue,
      BatonProcess node,
      boolean planned,
      double slowSeconds)
      throws Exception {
    AutoSplit.Planned plan = planned ? auto.plan(ASK) : null;
    SplitPlan chosen = plan == null ? null : Objects.requireNonNull(plan.decision()).chosen();
    boolean remote = chosen != null && !chosen.isLocal();
    CompletableFuture<DecodeOutcome> ended = new CompletableFuture<>();
    int[] tokens = new int[ANSWER];
    Slowing stops = slowSeconds == 0 ? new Slowing(node, slowing) : null;
    BatonProcess.pause(slowSeconds == 0 ? 200 : 0);
    long startNs = System.nanoTime();
    queue.submit(
        new DecodeRequest(
            TOKENS,
            ANSWER,
            SamplingParams.greedy(),
            token -> false,
            !remote || chosen == null || plan == null
                ? null
                : new RemotePrefill(
                        peer, chosen.boundaryLayer(), chosen.chunks(), chosen.wireType(), false)
                    .predicted(plan.forecast()),
            new TokenListener() {
              private int count;

              @Override
              public void onToken(int token) {
                tokens[count++] = token;
              }

              @Override
              public void onStraggler(double timesSlower) {
                Objects.requireNonNull(plan).leftStraggler(timesSlower);
              }

              @Override
              public void onEnd(DecodeOutcome outcome) {
                ended.complete(outcome);
              }
            }));
    if (slowSeconds > 0) {
      BatonProcess.pause(Math.round(1e3 * slowSeconds));
      stops = new Slowing(node, slowing);
    }
    try {
      DecodeOutcome outcome = ended.get(60, TimeUnit.SECONDS);
      double seconds = (System.nanoTime() - startNs) / 1e9;
      if (plan != null) {
        plan.ended(outcome, outcome.times().ttftNs() / 1e9, null);
      }
      if (stops != null) {
        PlanDecision next = plan(auto);
        assertTrue(next.reason().contains(SLOW), seconds + " s; " + next.reason());
      } else {
        assertNull(outcome.fallback());
      }
      return new Answer(
          seconds, Arrays.copyOf(tokens, outcome.tokens().outputTokens()), outcome, remote);
    } finally {
      if (stops != null) {
        stops.close();
      }
    }
  }

  /** Gives a process a part of its time until that is closed, by libc's own kill. */
  @SuppressWarnings("restricted")
  private static final class Slowing {
    private static final long RUNS_NS = 1_000_000;
    private static final MethodHandle KILL =
        Linker.nativeLinker()
            .downcallHandle(
                Linker.nativeLinker().defaultLookup().findOrThrow("kill"),
                FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final int SIGCONT = 18;
    private static final int SIGSTOP = 19;

    private final int pid;
    private final long stopsTimes;
    private final Thread thread;
    private volatile boolean closed;

    /** So many times slower. */
    Slowing(BatonProcess node, int times) {
      stopsTimes = times - 1;
      pid = (int) node.process().pid();
      thread = Thread.ofPlatform().daemon().start(this::work);
    }

    private void work() {
      long ranNs = RUNS_NS;
      while (!closed) {
        signal(SIGSTOP);
        LockSupport.parkNanos(stopsTimes * ranNs); // a busy machine lets it run for longer
        long startNs = System.nanoTime();
        signal(SIGCONT);
        LockSupport.parkNanos(RUNS_NS);
        ranNs = System.nanoTime() - startNs;
      }
      signal(SIGCONT);
    }

    private void signal(int number) {
      try {
        int _ = (int) KILL.invokeExact(pid, number);
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }

    void close() throws InterruptedException {
      closed = true;
      thread.join();
    }
  }
}
