package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.StateTable;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.Stage;
import dev.baton.kvstream.session.PatternKv;
import dev.baton.kvstream.session.ReceiveSession;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Thousands of transfers over a wire in memory, each from a seed: spoiled, doubled and late
 * messages, cut wires, nodes that stop, windows of a few rows. The invariants: whatever comes to
 * its end has every row as it was computed, and stored once; boundary rows are used in order, each
 * once; what no lease was too short for does come to its end; and no session is left anywhere.
 */
@Timeout(300)
class SimulatedLinkTest {
  private static final int SEEDS = 2000;
  private static final long STEP_NS = SimulatedPair.MS;
  private static final int MOST_STEPS = 60_000;

  @Test
  void shouldLoseNothingAndDoubleNothingWhateverTheSeed() {
    for (int seed = 0; seed < SEEDS; seed++) {
      run(seed);
    }
  }

  private static void run(long seed) {
    try {
      new Run(seed).run();
    } catch (Throwable e) {
      throw new AssertionError("seed " + seed + ": " + e, e);
    }
  }

  /** One order, what computes it, and what uses its rows. */
  private static final class Job implements KvSource, KvSink {
    private final PrefillOrder order;
    private final PatternKv sent;
    private final PatternKv sink;
    private final MemorySegment rows;
    private final MemorySegment row;
    private final int rowBytes;
    private final Map<Long, Integer> stored = new HashMap<>();
    private @Nullable KvSender sender;
    private @Nullable ReceiveSession receiver;
    private final int[] announced = new int[16];
    private int computed;
    private boolean over;
    private int used;
    private int released;
    private @Nullable String trouble;

    Job(NodeIdentity node, PrefillOrder order) {
      this.order = order;
      int tokens = order.tokens().length;
      int boundary = order.stage().toLayer();
      this.sent = PatternKv.filled(node.states(), tokens, order.sessionId());
      this.sink = new PatternKv(node.states(), tokens);
      this.rows = PatternPrefill.hidden(node, boundary, tokens, order.sessionId());
      this.rowBytes = node.states().boundaryBytes(boundary);
      this.row = MemorySegment.ofArray(new byte[rowBytes]);
      this.computed = order.firstToken();
      this.used = order.firstRow();
    }

    @Override
    public long exportSlice(
        int layer, int state, int first, int count, MemorySegment dst, long offset) {
      return sent.exportSlice(layer, state, first, count, dst, offset);
    }

    @Override
    public boolean exportFixed(
        int layer, int state, int at, int from, int bytes, MemorySegment dst, long offset) {
      return sent.exportFixed(layer, state, at, from, bytes, dst, offset);
    }

    @Override
    public boolean importSlice(
        int layer, int state, int first, int count, MemorySegment src, long offset, long digest) {
      boolean right = sink.importSlice(layer, state, first, count, src, offset, digest);
      for (int i = first; i < first + count && right; i++) {
        stored.merge(((long) layer << 40) | ((long) state << 32) | i, 1, Integer::sum);
      }
      return right;
    }

    @Override
    public void importFixed(
        int layer, int state, int at, int from, int bytes, MemorySegment src, long offset) {
      if (at < sink.positions[layer][state]) {
        trouble = "an older state came behind a newer one";
      }
      sink.importFixed(layer, state, at, from, bytes, src, offset);
    }

    /** A chunk, where there is room for its rows; the rows that are wanted again first. */
    void compute(SplittableRandom random) {
      KvSender to = sender;
      if (to == null || over || to.isOver() || random.nextInt(3) > 0) {
        return;
      }
      if (computed == order.firstToken()) {
        to.begin(this);
      }
      int end = order.tokens().length;
      Stage stage = order.stage();
      if (stage.rows() == Stage.Rows.ALL) {
        computed = Math.min(computed, to.rowsFrom());
      }
      int chunk = order.chunks().next(end - computed);
      if (stage.rows() == Stage.Rows.ALL && to.rowsRoom() < chunk) {
        return; // another order's turn
      }
      for (int layer = stage.fromLayer(); layer < stage.toLayer(); layer++) {
        to.slice(layer, computed, chunk);
        if (computed + chunk == end || random.nextBoolean()) {
          announce(to, layer, computed + chunk);
        }
      }
      if (stage.rows() == Stage.Rows.ALL) {
        to.hidden(computed, chunk, rows, computed);
      }
      computed += chunk;
      if (computed == end) {
        if (stage.rows() == Stage.Rows.LAST) {
          to.hidden(end - 1, 1, rows, end - 1);
        }
        over = true;
        to.done(1, 2);
      }
    }

    private void announce(KvSender to, int layer, int position) {
      if (position > announced[layer]) {
        announced[layer] = position;
        to.fixed(layer, position);
      }
    }

    /** Uses some boundary rows that have come. */
    void use(SplittableRandom random) {
      ReceiveSession from = receiver;
      if (from == null || order.stage().rows() == Stage.Rows.NONE || random.nextInt(4) > 0) {
        return;
      }
      int until = Math.min(from.hiddenTokens(), used + 1 + random.nextInt(20));
      for (; used < until; used++) {
        from.copyHidden(used, 1, row, 0);
        long at = (long) used * rowBytes;
        if (MemorySegment.mismatch(rows, at, at + rowBytes, row, 0, rowBytes) >= 0) {
          trouble = "the boundary row of token " + used + " is another one";
        }
      }
      from.hiddenTaken(used);
    }

    void assertRight(boolean mustBeWhole) {
      ReceiveSession from = receiver;
      assertNull(trouble);
      assertTrue(from != null && from.isFinal(), "a session never ends");
      if (from.state() == KvReceiver.State.WHOLE) {
        assertNull(sink.mismatch(sent, order));
        assertEquals(order.tokens().length, from.coveredTokens());
      } else {
        String why = String.valueOf(from.failure());
        assertTrue(!mustBeWhole && why.lines().count() == 1, () -> "failed: " + why);
      }
      assertTrue(stored.values().stream().allMatch(times -> times == 1), "a row was stored twice");
      assertTrue(released <= 1, "released " + released + " times");
    }
  }

  /** One seed. */
  private static final class Run implements PrefillService {
    private final SplittableRandom random;
    private final NodeIdentity node;
    private final SimulatedPair pair;
    private final List<Job> jobs = new ArrayList<>();
    private boolean pastALease;
    private long calmNs;

    Run(long seed) {
      this.random = new SplittableRandom(seed);
      StateTable states = seed % 2 == 0 ? Nodes.SMALL.states(24) : Nodes.ALL_KINDS;
      this.node = Nodes.node(states, 4096);
      this.pair =
          new SimulatedPair(random, node, this, 1 + random.nextInt(1000), random.nextInt(60));
    }

    private PrefillOrder order(long id) {
      int layers = node.states().layerCount();
      int tokens = 1 + random.nextInt(60);
      int first = random.nextInt(3) == 0 ? random.nextInt(tokens) : 0;
      int to = 1 + random.nextInt(layers);
      int from = random.nextInt(4) == 0 ? random.nextInt(to) : 0;
      Stage.Rows rows = Stage.Rows.values()[random.nextInt(3)];
      Stage stage = new Stage(from, to, new Stage.Embedding(), true, rows, 0);
      return Nodes.order(id, tokens, first, stage, 1 + random.nextInt(12));
    }

    void run() {
      int count = 1 + random.nextInt(3);
      for (int i = 0; i < count; i++) {
        jobs.add(new Job(node, order(i + 1)));
      }
      int ordered = 0;
      for (int step = 0; step < MOST_STEPS && !isOver(ordered); step++) {
        fault();
        if (ordered < jobs.size() && pair.decode.isAlive() && random.nextInt(5) == 0) {
          Job job = jobs.get(ordered++);
          job.receiver = pair.order(job.order, job, 500 + random.nextInt(5000));
        }
        pair.step(
            STEP_NS,
            _ -> jobs.forEach(job -> job.compute(random)),
            _ -> jobs.forEach(job -> job.use(random)));
        if (pair.decode.isOver() && ordered < jobs.size()) {
          jobs.subList(ordered, jobs.size()).clear();
        }
      }
      jobs.forEach(job -> job.assertRight(!pastALease));
      pair.decode.end("the simulation is over");
      for (int step = 0; step < 2 * SimulatedPair.LEASE_NS / STEP_NS && !isIdle(); step++) {
        pair.step(STEP_NS, _ -> {}, _ -> {});
      }
      assertTrue(isIdle(), "the prefill node keeps sessions of nobody");
      for (Job job : jobs) {
        assertEquals(job.sender == null ? 0 : 1, job.released, "releases");
        ReceiveSession receiver = job.receiver;
        if (receiver != null) {
          receiver.close();
        }
      }
    }

    private boolean isIdle() {
      return pair.isPrefillIdle();
    }

    private boolean isOver(int ordered) {
      return ordered == jobs.size()
          && jobs.stream().allMatch(job -> job.receiver != null && job.receiver.isFinal());
    }

    private void fault() {
      int chance = random.nextInt(1500);
      boolean isLong = random.nextInt(12) == 0;
      long ns = 1 + random.nextLong(isLong ? 2 * SimulatedPair.LEASE_NS : 300 * SimulatedPair.MS);
      if (chance > 2) {
        return;
      }
      // A cut is noticed after a quarter of a lease, and greeting anew takes a while as well: what
      // goes wrong meanwhile may be too much.
      long quarterNs = SimulatedPair.LEASE_NS / 4;
      pastALease |= ns > quarterNs || pair.nowNs < calmNs || !pair.decode.isAlive();
      calmNs = pair.nowNs + ns + 2 * quarterNs;
      switch (chance) {
        case 0 -> pair.cut(ns);
        case 1 -> pair.stopPrefill(ns);
        default -> pair.stopDecode(ns);
      }
    }

    @Override
    public @Nullable String accept(PrefillOrder order, KvSender sender) {
      Job job = jobs.get((int) order.sessionId() - 1);
      assertTrue(
          Arrays.equals(job.order.tokens(), order.tokens())
              && job.order.stage().equals(order.stage()),
          "another order came");
      job.sender = sender;
      return null;
    }

    @Override
    public void released(long sessionId) {
      jobs.get((int) sessionId - 1).released++;
    }
  }
}
