package dev.baton;

import dev.baton.cli.BatonCli;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A process whose heap is full for moments: {@code answers SEED} answers with the library
 * meanwhile; anything else is a command of {@code baton}.
 */
public final class CrowdedProcess {
  private static final int ROUNDS = 6;
  private static final int CALLERS = 4;
  private static final int LARGEST_BYTES = 1 << 20;

  private static volatile boolean ended;

  private CrowdedProcess() {}

  public static void main(String[] args) throws InterruptedException {
    if (!"answers".equals(args[0])) {
      Thread.ofPlatform().daemon().name("crowd").start(CrowdedProcess::crowdOncePrefilling);
      BatonCli.main(args);
      return;
    }
    long seed = Long.parseLong(args[1]);
    int[] prompt = new SplittableRandom(seed).ints(40, 2, 2000).toArray();
    int[] right;
    try (Baton baton = open()) {
      right = take(baton.generateExactly(prompt, 100, new Split.Local()));
    }
    int failed = 0;
    for (int round = 0; round < ROUNDS; round++) {
      failed += round(new SplittableRandom(seed + round), prompt, right);
    }
    System.out.println("ENDED, " + failed + " failed");
    System.exit(0);
  }

  private static Baton open() {
    return Baton.open(
        BatonConfig.builder(BatonProcess.TINY).split(new Split.Local()).threads(1).build());
  }

  private static int round(SplittableRandom random, int[] prompt, int[] right)
      throws InterruptedException {
    int failed = 0;
    Baton baton = open();
    List<Generation> answers = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      answers.add(baton.generateExactly(prompt, 900, new Split.Local()));
    }
    ended = false;
    Thread crowd = Thread.ofPlatform().daemon().start(() -> crowd(random));
    for (Generation answer : answers) {
      String end = end(answer);
      if ("length".equals(end)) {
        if (!Arrays.equals(right, Arrays.copyOf(take(answer), right.length))) {
          throw new AssertionError("another answer");
        }
      } else if ("failed".equals(end)) {
        failed++;
      } else {
        throw new AssertionError(end);
      }
    }
    ended = true;
    crowd.join();
    long startNs = System.nanoTime();
    baton.close();
    long ms = (System.nanoTime() - startNs) / 1_000_000;
    if (ms > 10_000) {
      throw new AssertionError("closed after " + ms + " ms");
    }
    return failed;
  }

  /** This thread meets the full heap as well. */
  private static String end(Generation answer) throws InterruptedException {
    while (true) {
      try {
        return answer.report().end();
      } catch (OutOfMemoryError e) {
        Thread.onSpinWait();
      }
    }
  }

  private static int[] take(Generation answer) throws InterruptedException {
    while (answer.next() != null) {
      // The tokens are kept.
    }
    return answer.takenTokens();
  }

  private static void crowdOncePrefilling() {
    while (Thread.getAllStackTraces().keySet().stream()
        .noneMatch(thread -> thread.getName().equals("baton-stream"))) {
      pause(20);
    }
    SplittableRandom random = new SplittableRandom(1);
    while (true) {
      crowd(random);
      pause(100);
    }
  }

  /** Ten moments. */
  private static void crowd(SplittableRandom random) {
    for (int i = 0; i < 10 && !ended; i++) {
      pause(random.nextInt(60));
      Object[] held = null;
      for (int bytes = LARGEST_BYTES; bytes >= 16; ) {
        try {
          held = new Object[] {held, new byte[bytes]};
        } catch (OutOfMemoryError e) {
          bytes /= 4;
        }
      }
      pause(random.nextInt(60));
      if (held == null) {
        throw new AssertionError();
      }
    }
  }

  private static void pause(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
