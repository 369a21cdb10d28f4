package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.BatonProcess;
import dev.baton.GenerateRequest;
import dev.baton.Generation;
import dev.baton.Split;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code baton run --prefill} over a link that is good for nothing: real processes, 200 ms each way
 * and a few bits a second. It answers about as soon as without the node, and ends.
 */
@Timeout(180)
class SlowLinkAutoIT {
  private static final long QUEUE_BYTES = 4 << 20;
  private static final long LATENCY_MS = 200;
  private static final double MOST_MORE_SECONDS = 2;

  /** What equal runs differ by on a busy machine, as a share. */
  private static final double NOISE = 2;

  @TempDir Path home;

  private record Run(double seconds, JsonNode report, String text) {}

  private static Relay relay(String node, int port, int megabits) {
    Relay relay = new Relay(node, "127.0.0.1:" + port, 71);
    relay.suffer(
        new Fault.Bandwidth(megabits * 125_000L, QUEUE_BYTES), new Fault.Delay(LATENCY_MS, 0));
    return relay;
  }

  private Run run(Map<String, String> environment, List<String> options, String prompt) {
    List<String> command =
        new ArrayList<>(
            List.of("run", "--json", "-n", "8", "--model", BatonProcess.TINY.toString()));
    command.addAll(options);
    command.add(prompt);
    long startNs = System.nanoTime();
    try (BatonProcess process = BatonProcess.start(environment, command.toArray(String[]::new))) {
      process.closeInput();
      assertEquals(0, process.await(), process.err());
      double seconds = (System.nanoTime() - startNs) / 1e9;
      JsonNode answer = JsonMapper.shared().readTree(process.out());
      return new Run(seconds, answer.path("report"), answer.path("text").asString());
    }
  }

  private static BatonProcess node() {
    return BatonProcess.start("node", "--model", BatonProcess.TINY.toString());
  }

  private static List<String> by(Relay relay, int port) {
    return List.of(
        "--prefill",
        relay.toPrefill(),
        "--listen",
        "127.0.0.1:" + port,
        "--advertise",
        relay.toDecode());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 10})
  void shouldAnswerAboutAsSoonAsWithoutTheNode(int megabits) {
    Map<String, String> environment = Map.of("BATON_HOME", home.toString());
    try (BatonProcess node = node()) {
      String endpoint = node.awaitReady();
      for (String prompt : List.of("The little fox", RelayedNodes.WHOLE_CONTEXT)) {
        double local = run(environment, List.of("--split", "local"), prompt).seconds;
        for (int call = 0; call < 2; call++) {
          int port = RelayedNodes.freePort();
          try (Relay relay = relay(endpoint, port, megabits)) {
            Run auto = run(environment, by(relay, port), prompt);
            Run alone = run(environment, List.of("--split", "local"), prompt);
            local = Math.max(local, alone.seconds);
            System.out.printf(
                "%d Mbit/s, %d tokens, call %d: %.2f s where local takes %.2f s; %s%n",
                megabits,
                auto.report.path("promptTokens").asInt(),
                call,
                auto.seconds,
                local,
                auto.report.path("reason").asString(""));
            assertEquals(alone.text, auto.text);
            double most = local * (1 + NOISE) + MOST_MORE_SECONDS;
            assertTrue(auto.seconds <= most, auto.seconds + " s, local " + local + " s");
          }
        }
      }
    }
  }

  @Test
  void shouldWaitForMeasurementsTwoSecondsAtMostAndSayItApart() {
    // The oracle kernels are slow enough for waiting to be worth it.
    Map<String, String> slow = Map.of("BATON_HOME", home.toString(), "BATON_CPU_ISA", "java");
    try (BatonProcess node = node()) {
      String endpoint = node.awaitReady();
      List<Long> waitedNs = new ArrayList<>();
      for (int call = 0; call < 2; call++) {
        try (BatonProcess process =
            BatonProcess.startMain(
                FirstAnswer.class.getName(),
                List.of(),
                slow,
                endpoint,
                RelayedNodes.WHOLE_CONTEXT)) {
          assertEquals(0, process.await(), process.err());
          waitedNs.add(Long.parseLong(process.out().strip()));
        }
      }
      assertTrue(waitedNs.getFirst() > 0, "nobody waited");
      assertTrue(waitedNs.getFirst() <= 2_300_000_000L, waitedNs + " ns");
      // To hear of it takes a moment.
      assertTrue(waitedNs.getLast() < 500_000_000L, "the second call paid again: " + waitedNs);
    }
  }

  @Test
  void shouldHoldUpNobodyWhileItMeasuresAndCloseInTime() throws Exception {
    int port = RelayedNodes.freePort();
    try (BatonProcess node = node();
        Relay relay = relay(node.awaitReady(), port, 1)) {
      Baton baton =
          Baton.open(
              BatonConfig.builder(BatonProcess.TINY)
                  .prefill(relay.toPrefill())
                  .listen("127.0.0.1:" + port)
                  .advertise(relay.toDecode())
                  .split(new Split.Auto())
                  .build());
      double localSeconds = seconds(baton, new Split.Local());
      for (int i = 0; i < 5; i++) {
        long startNs = System.nanoTime();
        baton.planNotice();
        seconds(baton, new Split.Auto());
        double seconds = (System.nanoTime() - startNs) / 1e9;
        double most = localSeconds * (1 + NOISE) + MOST_MORE_SECONDS;
        assertTrue(seconds < most, seconds + " s, local " + localSeconds + " s");
        BatonProcess.pause(700);
      }
      long startNs = System.nanoTime();
      baton.close();
      double seconds = (System.nanoTime() - startNs) / 1e9;
      assertTrue(seconds <= 2, "close took " + seconds + " s");
    }
  }

  private static double seconds(Baton baton, Split split) throws InterruptedException {
    long startNs = System.nanoTime();
    GenerateRequest request = GenerateRequest.of(RelayedNodes.WHOLE_CONTEXT).withMaxTokens(2);
    try (Generation answer = baton.generate(request.withSplit(split))) {
      while (answer.next() != null) {
        // Only the time counts, and that there is an answer.
      }
      assertEquals(2, answer.report().tokens().outputTokens());
    }
    return (System.nanoTime() - startNs) / 1e9;
  }
}
