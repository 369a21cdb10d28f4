package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.BatonProcess;
import dev.baton.GenerateRequest;
import dev.baton.Split;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Many requests in a row, each over a link with faults of its own, now and then to a node that is
 * killed or stopped. Every answer is checked. {@code -Dbaton.faults.requests=1000} runs longer,
 * {@code -Dbaton.faults.seed=N} another run.
 */
@Timeout(3600)
class RandomFaultIT {
  private static final int REQUESTS = Integer.getInteger("baton.faults.requests", 200);
  private static final long SEED = Long.getLong("baton.faults.seed", 31);
  private static final int PROMPTS = 24;

  /** Room for the JVM's own growth after the first requests. */
  private static final long GROWTH_KIB = 96 * 1024;

  private final SplittableRandom random = new SplittableRandom(SEED);

  @Test
  void shouldAnswerManyRequestsInARowOverARandomlyBrokenLink() {
    TreeMap<String, Integer> outcomes = new TreeMap<>();
    long self = ProcessHandle.current().pid();
    try (RelayedNodes nodes = RelayedNodes.open(Duration.ofSeconds(2), SEED)) {
      List<GenerateRequest> prompts = prompts();
      long warmKib = 0;
      for (int i = 0; i < REQUESTS; i++) {
        GenerateRequest request = prompts.get(random.nextInt(PROMPTS));
        Split split =
            random.nextBoolean() ? new Split.Remote() : new Split.At(random.nextInt(1, 6));
        nodes.local(request);
        nodes.relay.suffer(faults());
        disturb(nodes);
        var report = nodes.assertSameAnswer(request.withSplit(split));
        outcomes.merge(outcome(report.fallback(), report.transfer().resumes()), 1, Integer::sum);
        if (i == REQUESTS / 5) {
          System.gc();
          warmKib = Footprint.residentKib(self);
        }
      }
      System.out.println(REQUESTS + " requests, seed " + SEED + ":");
      outcomes.forEach((outcome, times) -> System.out.println("  " + times + " " + outcome));
      nodes.assertNothingIsLeft();
      System.gc();
      long grown = Footprint.residentKib(self) - warmKib;
      System.out.println("resident memory here: " + warmKib + " KiB, then " + grown + " more");
      assertTrue(grown < GROWTH_KIB, "grown by " + grown + " KiB");
    }
  }

  private List<GenerateRequest> prompts() {
    List<GenerateRequest> prompts = new ArrayList<>();
    for (int i = 0; i < PROMPTS; i++) {
      int length = random.nextInt(20, i < 4 ? RelayedNodes.WHOLE_CONTEXT.length() : 800);
      prompts.add(
          RelayedNodes.request(
              RelayedNodes.WHOLE_CONTEXT.substring(0, length), new Split.Remote()));
    }
    return prompts;
  }

  private Fault[] faults() {
    List<Fault> faults = new ArrayList<>();
    if (random.nextInt(3) == 0) {
      faults.add(new Fault.Loss(random.nextDouble(0.1)));
    }
    if (random.nextInt(4) == 0) {
      faults.add(new Fault.Twice(random.nextDouble(0.2)));
    }
    if (random.nextInt(4) == 0) {
      faults.add(new Fault.Overtaken(random.nextDouble(0.2), random.nextInt(1, 20)));
    }
    if (random.nextInt(6) == 0) {
      faults.add(new Fault.Delay(random.nextInt(1, 30), 5));
    }
    if (random.nextInt(8) == 0) {
      faults.add(new Fault.Bandwidth(random.nextLong(2_000_000, 50_000_000), 1 << 20));
    }
    if (random.nextInt(8) == 0) {
      faults.add(new Fault.Spoiled(random.nextDouble(0.05), random.nextInt(0, 64)));
    }
    if (random.nextInt(10) == 0) {
      faults.add(new Fault.CutOff(random.nextDouble(0.05)));
    }
    return faults.toArray(Fault[]::new);
  }

  /** Sometimes something worse, in the middle of the request. */
  private void disturb(RelayedNodes nodes) {
    nodes.relay.cut(false);
    long point = random.nextLong(200_000);
    int kind = random.nextInt(50);
    long ms = random.nextLong(50, 1_500);
    if (kind < 3) {
      nodes.relay.afterBytes(
          Relay.Way.TO_DECODE,
          point,
          () -> {
            nodes.relay.cut(true);
            later(ms, () -> nodes.relay.cut(false));
          });
    } else if (kind == 3) {
      BatonProcess node = nodes.node();
      nodes.relay.afterBytes(
          Relay.Way.TO_DECODE,
          point,
          () -> {
            node.signal("STOP");
            later(2 * ms, () -> node.signal("CONT"));
          });
    } else if (kind == 4 && random.nextInt(2) == 0) {
      nodes.relay.suffer();
      nodes.restartNode();
    }
  }

  private static void later(long ms, Runnable action) {
    Thread.ofVirtual()
        .start(() -> {
          BatonProcess.pause(ms);
          action.run();
        });
  }

  private static String outcome(String fallback, int resumes) {
    if (fallback == null) {
      return resumes == 0 ? "as planned" : "as planned, resumed";
    }
    return "here: " + fallback.replaceAll("\\d+(\\.\\d+)?", "N");
  }
}
