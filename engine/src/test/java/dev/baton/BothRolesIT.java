package dev.baton;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.node.NodeRole;
import java.io.OutputStream;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Nodes that answer requests of their own and take each other's orders, at once. */
@Timeout(120)
class BothRolesIT {
  private static final int TOKENS = 60;

  private static String prompt(int number) {
    return "Once upon a time there were " + number + " foxes " + "in a big wood ".repeat(20);
  }

  private static String text(Baton baton, String prompt, Split split) throws InterruptedException {
    try (Generation answer = baton.generate(request(prompt, split))) {
      StringBuilder text = new StringBuilder();
      for (String part = answer.next(); part != null; part = answer.next()) {
        text.append(part);
      }
      assertNull(answer.report().fallback());
      return text.toString();
    }
  }

  private static GenerateRequest request(String prompt, Split split) {
    return GenerateRequest.of(prompt).withMaxTokens(TOKENS).withSplit(split);
  }

  @Test
  void shouldAnswerItsOwnRequestsWhileItServesAnothersOrders() throws Exception {
    try (BatonProcess node =
        BatonProcess.start(
            "node", "--role", "both", "--verbose", "--max-tokens", Integer.toString(TOKENS))) {
      String endpoint = node.awaitReady();
      BatonConfig config =
          BatonConfig.builder(BatonProcess.TINY)
              .prefill(endpoint)
              .split(new Split.Remote())
              .build();
      try (Baton caller = Baton.open(config)) {
        OutputStream in = node.process().getOutputStream();
        for (int i = 0; i < 8; i++) {
          in.write((prompt(i) + "\n").getBytes(UTF_8));
        }
        in.flush();
        for (int i = 0; i < 8; i++) {
          String whole = text(caller, prompt(100 + i), new Split.Local());
          assertEquals(whole, text(caller, prompt(100 + i), new Split.Remote()));
          assertEquals(whole, text(caller, prompt(100 + i), new Split.At(3)));
        }
        node.awaitOutput(text -> text.lines().count() == 9, "eight answers");
        List<JsonNode> answers =
            node.out().lines().skip(1).map(JsonMapper.shared()::readTree).toList();
        for (JsonNode answer : answers) {
          int line = answer.get("line").asInt();
          assertEquals(
              text(caller, prompt(line - 1), new Split.Local()), answer.get("text").asString());
        }
        assertEquals(16, node.err().lines().filter(line -> line.contains("order of")).count());
      }
      node.signal("TERM");
      assertEquals(143, node.await(), node.err());
    }
  }

  @Test
  void shouldPrefillForEachOther() throws Exception {
    try (Baton first = Baton.open(both(null));
        Baton second = Baton.open(both(first.endpoint().orElseThrow()));
        Baton third =
            Baton.open(
                BatonConfig.builder(BatonProcess.TINY)
                    .prefill(second.endpoint().orElseThrow())
                    .split(new Split.Remote())
                    .build())) {
      // The second one orders from the first while the third orders from it.
      List<Thread> running =
          IntStream.range(0, 6)
              .mapToObj(i -> Thread.ofPlatform().start(() -> assertSame(i, first, second, third)))
              .toList();
      for (Thread one : running) {
        one.join();
      }
      assertEquals(6, same.get());
      // An answer may be over before the last of its order was confirmed.
      String delivered = "baton_orders_total{outcome=\"delivered\"} 6";
      for (int i = 0; i < 1000 && !second.metricsText().contains(delivered); i++) {
        BatonProcess.pause(10);
      }
      assertTrue(second.metricsText().contains(delivered), second::metricsText);
    }
  }

  private final AtomicInteger same = new AtomicInteger();

  private void assertSame(int number, Baton first, Baton second, Baton third) {
    try {
      String here = text(first, prompt(number), new Split.Local());
      String ordered = text(second, prompt(number), new Split.Remote());
      String across = text(third, prompt(number), new Split.At(3));
      if (here.equals(ordered) && here.equals(across)) {
        same.incrementAndGet();
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static BatonConfig both(String prefill) {
    return BatonConfig.builder(BatonProcess.TINY)
        .role(NodeRole.BOTH)
        .listen("127.0.0.1:0")
        .prefill(prefill)
        .build();
  }
}
