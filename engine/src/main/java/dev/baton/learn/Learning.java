package dev.baton.learn;

import dev.baton.calibrate.PairProfile;
import dev.baton.journal.Journal;
import dev.baton.journal.JournalEntry;
import dev.baton.journal.JournalException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What requests have shown: the journal, and what is learnt from it. All that touches a disk is
 * done by one thread of its own, in order, so that no answer waits for it, and none fails when the
 * journal cannot be had. Any thread may ask.
 */
public final class Learning implements AutoCloseable {
  /** What is still to be written may take so long when the engine is closed. */
  private static final long LAST_WRITES_MS = 1_000;

  /** What somebody who asks about the journal waits for a disk. */
  private static final long NOTICES_MS = 1_500;

  private final OutputLengths lengths;
  private final Path folder;
  private final AtomicBoolean begun = new AtomicBoolean();
  private final ExecutorService writer = Executors.newSingleThreadExecutor(Learning::daemon);
  private @Nullable Journal journal; // the writer's alone
  private volatile List<String> notices = List.of();

  /**
   * Opens the journal when something is to be read from it or noted.
   *
   * @param folder the journal's
   */
  public Learning(String modelName, Path folder) {
    this.lengths = new OutputLengths(modelName);
    this.folder = folder;
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "baton-journal");
    thread.setDaemon(true);
    return thread;
  }

  /** How many tokens an answer is likely to have; {@code limit} where nothing is known. */
  public int expectedTokens(@Nullable String caller, int limit) {
    return lengths.expected(caller, limit);
  }

  /** What to know of the journal, a line each; waits a moment for what is being read or noted. */
  public List<String> notices() {
    try {
      if (begun.get()) {
        writer.submit(() -> {}).get(NOTICES_MS, TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException | RejectedExecutionException _) {
      // What there is so far is told.
    }
    return notices;
  }

  /**
   * What earlier requests have shown of a profile; waits for the journal to be read.
   *
   * @throws RejectedExecutionException when this is closed
   */
  public Corrections correctionsOf(PairProfile profile) throws InterruptedException {
    begin();
    try {
      return writer.submit(() -> readCorrections(profile)).get();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Notes what became of a request, in a little while.
   *
   * @param corrections of the profile that it was planned with, or null
   */
  public void note(@Nullable Corrections corrections, Supplier<JournalEntry> entry) {
    try {
      begin();
      writer.execute(() -> write(corrections, entry));
    } catch (RejectedExecutionException _) {
      // The engine is closed, and its time for last words is over.
    }
  }

  /** Opening takes a second of a processor: who is never measured does without. */
  private void begin() {
    if (begun.compareAndSet(false, true)) {
      writer.execute(this::open);
    }
  }

  // The writer's thread.

  private void open() {
    Journal now = Journal.openOrNone(folder);
    journal = now;
    notices = now.notices();
    replay(now, lengths::observe);
  }

  private void replay(Journal from, Consumer<JournalEntry> consumer) {
    try {
      from.replay(consumer);
    } catch (JournalException e) {
      List<String> all = new ArrayList<>(notices);
      all.add(String.valueOf(e.getMessage()));
      notices = List.copyOf(all);
    }
  }

  private Corrections readCorrections(PairProfile profile) {
    Corrections corrections = new Corrections();
    Journal now = journal;
    if (now != null) {
      replay(
          now,
          entry -> {
            if (profile.measuredAt().equals(entry.profile())) {
              corrections.observe(entry);
            }
          });
    }
    return corrections;
  }

  private void write(@Nullable Corrections corrections, Supplier<JournalEntry> made) {
    try {
      JournalEntry entry = made.get();
      if (corrections != null) {
        corrections.observe(entry);
      }
      lengths.observe(entry);
      Journal now = journal;
      if (now != null) {
        now.append(entry);
        notices = now.notices();
      }
    } catch (RuntimeException e) {
      // The answer is there; only a restarted node will not know what was learnt from it.
      System.getLogger("dev.baton")
          .log(System.Logger.Level.WARNING, String.valueOf(e.getMessage()));
    }
  }

  /** Writes what is still to be noted, as far as the disk takes it. Twice is fine. */
  @Override
  public void close() {
    if (!writer.isShutdown()) {
      writer.execute(this::closeJournal);
    }
    writer.shutdown();
    try {
      // A disk that hangs is left behind.
      boolean _ = writer.awaitTermination(LAST_WRITES_MS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void closeJournal() {
    Journal now = journal;
    if (now != null) {
      now.close();
    }
  }
}
