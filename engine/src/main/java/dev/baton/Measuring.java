package dev.baton;

import dev.baton.calibrate.Calibration;
import dev.baton.calibrate.CalibrationException;
import dev.baton.calibrate.PairProfile;
import dev.baton.calibrate.ProfileStore;
import dev.baton.calibrate.Trial;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.node.ClusterException;
import dev.baton.plan.SpeedProfile;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Measures this node, its prefill node and their link, in the background: from what earlier times
 * left on, coarsely at first, and well when callers leave it the time. What it has found is kept as
 * it is found. What fails is tried again after a pause that grows.
 *
 * <p>A request may wait for it, all requests of an engine together no longer than {@link
 * #MOST_WAIT_NS}, and none for which computing here would be sooner. Any thread may ask; one thread
 * measures, and no lock is held while it does.
 */
final class Measuring implements AutoCloseable {
  static final long MOST_WAIT_NS = TimeUnit.SECONDS.toNanos(2);

  /** A process that has just begun takes longer than it was measured to, unless it is warmed up. */
  private static final double WARM_UP_SECONDS = 0.7;

  /** A link that takes longer for it is not warmed up. */
  private static final double WARM_LINK_SECONDS = 0.1;

  private static final int WARM_LINK_TOKENS = 32;

  private static final long POLL_MS = 50;
  private static final long PEER_POLL_MS = 10;
  private static final long FIRST_PAUSE_MS = 30_000;
  private static final long LONGEST_PAUSE_MS = 600_000;

  /** Who waited in vain spares others that for so long, in other processes too. */
  private static final Duration IN_VAIN = Duration.ofMinutes(10);

  /**
   * Prompts that tell how fast this node is, roughly: a longer one where the shorter was quick, so
   * that a request which comes meanwhile waits for no long pass.
   */
  private static final int[] LOOK_TOKENS = {4, 16, 128};

  private static final double QUICK_SECONDS = 0.05;

  private final AutoSplit.Pair pair;
  private final Trial trial;
  private final ProfileStore store;
  private final Consumer<PairProfile> learner;
  private final Thread thread;

  private ProfileStore.@Nullable Known kept; // guarded by this, as all of these
  private double tokenSeconds; // of a prompt computed here; 0: not known
  private long patienceNs = MOST_WAIT_NS;
  private boolean known;
  private boolean warm;
  private @Nullable String failure;
  private boolean closed;

  /**
   * @param learner is given each profile, a better one after a worse, on the measuring thread
   */
  Measuring(AutoSplit.Pair pair, Trial trial, ProfileStore store, Consumer<PairProfile> learner) {
    this.pair = pair;
    this.trial = trial;
    this.store = store;
    this.learner = learner;
    this.thread = Thread.ofPlatform().daemon().name("baton-calibration").unstarted(this::work);
  }

  void start() {
    thread.start();
  }

  // What others ask.

  /** This node's profile, where the whole one is not there yet; else null. */
  synchronized @Nullable SpeedProfile here() {
    return kept == null ? null : kept.here();
  }

  /** Why there is no profile now, a part of a sentence. */
  synchronized String whyUnknown() {
    return failure == null
        ? "both nodes and their link are still being measured"
        : "both nodes and their link could not be measured (" + failure + ")";
  }

  /** Takes off what was waited already for what has to be there before anything is measured. */
  synchronized void waited(long ns) {
    patienceNs -= ns;
  }

  /**
   * Waits until there is a profile, as far as a request of so many prompt tokens gains by it.
   *
   * @return how long that was, nanoseconds
   */
  synchronized long await(int promptTokens) {
    long startNs = System.nanoTime();
    long waitedNs = 0;
    while (isWorthWaiting(promptTokens, patienceNs - waitedNs) && pauses(POLL_MS)) {
      waitedNs = System.nanoTime() - startNs;
    }
    patienceNs -= waitedNs;
    if (waitedNs > 0 && !known) {
      inVain();
    }
    return waitedNs;
  }

  private boolean isWorthWaiting(int promptTokens, long leftNs) { // under the lock
    boolean soonerHere = tokenSeconds > 0 && promptTokens * tokenSeconds * 1e9 <= leftNs;
    return (kept != null || pair.node().get() != null)
        && !known
        && failure == null
        && !closed
        && leftNs > 0
        && !soonerHere
        && !trial.isHeldUp();
  }

  /** Waits for a profile that a caller wants at any price, however coarse. */
  synchronized boolean await(Duration most) {
    long untilNs = System.nanoTime() + most.toNanos();
    while (!known && isUnderWay(untilNs) && pauses(POLL_MS)) {
      // Still nothing.
    }
    return known;
  }

  /** Where there is a profile, waits for both nodes to be warm, or measured a few times more. */
  synchronized void awaitWarm(Duration most) {
    long untilNs = System.nanoTime() + most.toNanos();
    while (known && !warm && isUnderWay(untilNs) && pauses(POLL_MS)) {
      // Not yet.
    }
  }

  private boolean isUnderWay(long untilNs) { // under the lock
    return failure == null && !closed && System.nanoTime() - untilNs < 0;
  }

  /** False when the thread was interrupted. */
  private boolean pauses(long ms) { // under the lock
    try {
      TimeUnit.MILLISECONDS.timedWait(this, ms);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Has it kept that somebody waited in vain; who waits for an answer does not wait for a disk. */
  private void inVain() {
    Thread.ofVirtual().name("baton-keep").start(this::keepInVain);
  }

  private void keepInVain() {
    PrefillPeer peer = pair.node().get();
    if (peer == null) {
      return;
    }
    ProfileStore.Known found = store.read(pair.key(peer));
    synchronized (this) {
      ProfileStore.Known now = kept == null ? found : kept;
      kept = new ProfileStore.Known(now.key(), now.profile(), now.here(), Instant.now());
    }
    write();
  }

  private void keep(@Nullable PairProfile profile, @Nullable SpeedProfile here) {
    synchronized (this) {
      ProfileStore.Known now = Objects.requireNonNull(kept);
      Instant inVain = profile == null ? now.inVain() : null;
      kept = new ProfileStore.Known(now.key(), profile, here, inVain);
    }
    write();
  }

  /** Writes what is to be kept now: what comes later is never replaced by what was before. */
  private void write() {
    synchronized (store) {
      ProfileStore.Known now;
      synchronized (this) {
        now = Objects.requireNonNull(kept);
      }
      store.keepOrNote(now);
    }
  }

  // The thread.

  private void work() {
    long pauseMs = FIRST_PAUSE_MS;
    try {
      while (!measure()) {
        Thread.sleep(pauseMs);
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        failed(null);
      }
    } catch (InterruptedException | RejectedExecutionException _) {
      // The engine is closed.
    } catch (RuntimeException | Error e) {
      // Nobody else would hear of it: requests go on without measurements, and say why.
      failed("measuring broke off: " + e);
    }
  }

  private synchronized void failed(@Nullable String why) {
    failure = why;
    notifyAll();
  }

  /** Sees roughly how fast this node is. */
  private void look() throws InterruptedException {
    try {
      double seconds = 0;
      for (int i = 0; i < LOOK_TOKENS.length && seconds < QUICK_SECONDS; i++) {
        seconds = look(LOOK_TOKENS[i]);
      }
    } catch (CalibrationException | IllegalStateException | IllegalArgumentException _) {
      // What stands in its way is met again by the first request, and told there.
    }
  }

  private double look(int tokens) throws InterruptedException {
    double seconds = trial.prefillSeconds(tokens);
    synchronized (this) {
      tokenSeconds = seconds / tokens;
      notifyAll();
    }
    return seconds;
  }

  private boolean measure() throws InterruptedException {
    try {
      PrefillPeer peer = awaitPeer();
      PairProfile profile = coarse(peer);
      if (profile.coarse()) {
        // As if a caller had just been here: the first one is likely to come soon.
        trial.callerBegins();
        trial.callerEnds();
        PairProfile better =
            pair.calibration(peer, trial, Calibration.Effort.FULL, done -> {}).pair(peer);
        publish(better);
      }
      return true;
    } catch (CalibrationException
        | StreamException
        | ClusterException
        | IllegalStateException
        | IllegalArgumentException e) {
      inVain();
      synchronized (this) {
        patienceNs = 0;
        warm = true;
      }
      failed(String.valueOf(e.getMessage()));
      return false;
    }
  }

  private PrefillPeer awaitPeer() throws InterruptedException {
    PrefillPeer peer = pair.node().get();
    while (peer == null) {
      Thread.sleep(PEER_POLL_MS);
      peer = pair.node().get();
    }
    return peer;
  }

  /** What is kept, or else is measured in a few seconds. */
  private PairProfile coarse(PrefillPeer peer) throws InterruptedException {
    ProfileStore.Known found = store.read(pair.key(peer));
    Instant inVain = found.inVain();
    synchronized (this) {
      kept = found;
      if (inVain != null && inVain.plus(IN_VAIN).isAfter(Instant.now())) {
        patienceNs = 0;
      }
      notifyAll();
    }
    PairProfile profile = found.profile();
    if (profile == null) {
      look();
      profile =
          pair.calibration(peer, trial, Calibration.Effort.COARSE, done -> {})
              .pair(peer, found.here(), new Sooner());
      publish(profile);
    } else {
      learn(profile);
      warmUp(peer, profile);
    }
    synchronized (this) {
      warm = true;
      notifyAll();
    }
    return profile;
  }

  private void warmUp(PrefillPeer peer, PairProfile profile) throws InterruptedException {
    double bytes = WARM_LINK_TOKENS * (double) pair.model().layers();
    bytes *= pair.model().kvBytes(KvWireType.F16);
    boolean slow = bytes / profile.link().f16BytesPerSecond() > WARM_LINK_SECONDS;
    try {
      trial.warmUp(
          slow ? null : peer, pair.model().layers(), pair.largestChunkTokens(), WARM_UP_SECONDS);
    } catch (CalibrationException _) {
      // It was cut off, or the first caller's request meets the same trouble, and says so.
    }
  }

  private void publish(PairProfile profile) {
    keep(profile, null);
    learn(profile);
  }

  private void learn(PairProfile profile) {
    learner.accept(profile);
    synchronized (this) {
      known = true;
      notifyAll();
    }
  }

  /** Keeps and publishes what is known before all is. */
  private final class Sooner implements Calibration.Found {
    @Override
    public void here(SpeedProfile here) {
      keep(null, here);
    }

    @Override
    public void pair(PairProfile profile) {
      publish(profile);
    }
  }

  /** Measures nothing any more. Twice is fine. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    thread.interrupt();
  }
}
