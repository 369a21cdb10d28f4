package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.baton.cpu.CpuModel;
import dev.baton.fault.FaultyModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kvstream.StreamConfig;
import dev.baton.metrics.Meters;
import dev.baton.node.FaultyCompute;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillLink;
import dev.baton.node.PrefillNode;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What an engine and a node show of what they did. */
@Timeout(60)
class MetricsTextTest {
  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final int BLOCKS = 64;
  private static final Pattern COMMENT = Pattern.compile("# (HELP|TYPE) (baton_[a-z_]+) (.*[^ ])");
  private static final Pattern SAMPLE =
      Pattern.compile("(baton_[a-z_]+)(\\{[a-z]+=\"[^\"\\\\]+\"})? (\\d+(\\.\\d+)?(E-?\\d+)?)");

  private static KernelChoice kernels;
  private static CpuModel model;
  private static ModelText text;

  @BeforeAll
  static void load() {
    kernels = KernelChoice.open(KernelsConfig.defaults());
    model = CpuModel.load(BatonProcess.TINY, kernels.kernels(), done -> {});
    text = ModelText.of(BatonProcess.TINY);
  }

  @AfterAll
  static void close() {
    model.close();
    kernels.kernels().close();
  }

  private static Baton engine(FaultyModel faulty, @Nullable PrefillNode node) {
    BatonConfig config =
        BatonConfig.builder(BatonProcess.TINY)
            .split(node == null ? new Split.Local() : new Split.Remote())
            .prefill(node == null ? null : node.endpoint())
            .lease(LEASE)
            .build();
    return new Baton(
        config,
        FaultyCompute.of(faulty, BLOCKS),
        text,
        new PrefillLink(
            config.prefill(),
            StreamConfig.builder().leaseNs(LEASE.toNanos()).build(),
            () -> {
              throw new AssertionError();
            }));
  }

  private static GenerateRequest request(int tokens) {
    return GenerateRequest.of("Once upon a time, a little fox").withMaxTokens(tokens);
  }

  private static Report answer(Baton baton, GenerateRequest request) throws InterruptedException {
    try (Generation answer = baton.generate(request)) {
      while (answer.next() != null) {
        // Read to its end.
      }
      return answer.report();
    }
  }

  /**
   * Every sample by its name and label; fails where the text is not as Prometheus' format has it.
   */
  private static Map<String, Double> parsed(String text) {
    Map<String, Double> samples = new HashMap<>();
    Map<String, String> types = new HashMap<>();
    for (String line : text.split("\n", -1)) {
      Matcher comment = COMMENT.matcher(line);
      Matcher sample = SAMPLE.matcher(line);
      if (comment.matches()) {
        if (comment.group(1).equals("TYPE")) {
          assertTrue(comment.group(3).matches("counter|gauge|histogram"), line);
          assertEquals(null, types.put(comment.group(2), comment.group(3)), line);
        }
      } else if (sample.matches()) {
        String name = sample.group(1);
        String metric =
            types.containsKey(name) ? name : name.replaceAll("_(bucket|count|sum)$", "");
        String type = types.get(metric);
        assertTrue(type != null, line);
        assertEquals("counter".equals(type), name.endsWith("_total"), line);
        assertEquals("histogram".equals(type), !name.equals(metric), line);
        String key = name + (sample.group(2) == null ? "" : sample.group(2));
        assertEquals(null, samples.put(key, Double.valueOf(sample.group(3))), line);
      } else {
        assertEquals("", line);
      }
    }
    return samples;
  }

  private static void assertSample(double wanted, Map<String, Double> samples, String key) {
    assertEquals(wanted, samples.getOrDefault(key, -1.0), 1e-9, () -> key + " in " + samples);
  }

  @Test
  void shouldCountRequestsByHowTheyEnded() throws Exception {
    FaultyModel faulty = new FaultyModel(model);
    String after;
    try (Baton baton = engine(faulty, null)) {
      Map<String, Double> before = parsed(baton.metricsText());
      assertSample(0, before, "baton_requests_total{outcome=\"failed\"}");
      assertSample(BLOCKS, before, "baton_kv_blocks{state=\"free\"}");
      int prompt = 0;
      for (int i = 0; i < 2; i++) {
        Report report = answer(baton, request(8));
        assertEquals("length", report.end());
        prompt += report.tokens().promptTokens();
      }
      faulty.slow(20);
      try (Generation cancelled = baton.generate(request(200))) {
        assertTrue(cancelled.next() != null);
        Map<String, Double> during = parsed(baton.metricsText());
        assertSample(1, during, "baton_requests_in_progress");
        assertTrue(during.getOrDefault("baton_kv_blocks{state=\"used\"}", 0.0) > 0);
        cancelled.cancel();
        assertEquals("cancelled", cancelled.report().end());
        prompt += cancelled.report().tokens().promptTokens();
      }
      faulty.slow(0);
      faulty.arm(FaultyModel.Seam.LAYERS, new IllegalStateException("a fault"));
      assertThrows(BatonException.class, () -> answer(baton, request(8)));
      prompt += prompt / 3; // all have the same
      assertThrows(BatonException.class, () -> answer(baton, GenerateRequest.of("")));
      Map<String, Double> samples = parsed(baton.metricsText());
      assertSample(2, samples, "baton_requests_total{outcome=\"length\"}");
      assertSample(1, samples, "baton_requests_total{outcome=\"cancelled\"}");
      assertSample(1, samples, "baton_requests_total{outcome=\"failed\"}");
      assertSample(0, samples, "baton_requests_total{outcome=\"end\"}");
      assertSample(1, samples, "baton_requests_total{outcome=\"refused\"}");
      assertSample(0, samples, "baton_requests_waiting");
      assertSample(0, samples, "baton_preemptions_total");
      assertSample(0, samples, "baton_requests_in_progress");
      assertTrue(samples.containsKey("baton_prefix_lookups_total{result=\"hit\"}"));
      assertSample(prompt, samples, "baton_prompt_tokens_total");
      double output = samples.getOrDefault("baton_output_tokens_total", 0.0);
      assertTrue(output >= 17 && output < 216, samples.toString());
      assertSample(3, samples, "baton_time_to_first_token_seconds_count");
      assertSample(4, samples, "baton_queue_seconds_count");
      assertTrue(samples.getOrDefault("baton_longest_stall_seconds_count", 0.0) >= 2);
      assertSample(4, samples, "baton_request_seconds_count");
      assertSample(output - 3, samples, "baton_inter_token_seconds_count");
      after = baton.metricsText();
    }
    Map<String, Double> last = parsed(after);
    assertSample(0, last, "baton_kv_blocks{state=\"used\"}");
    assertEquals(
        BLOCKS,
        last.getOrDefault("baton_kv_blocks{state=\"free\"}", 0.0)
            + last.getOrDefault("baton_kv_blocks{state=\"cached\"}", 0.0));
  }

  @Test
  void shouldCountWhatTravelsAtBothEndsAndWhatIsFinishedHere() throws Exception {
    FaultyModel faulty = new FaultyModel(model);
    try (NodeCompute compute = FaultyCompute.of(faulty, BLOCKS);
        PrefillNode node = PrefillNode.launch(compute, "127.0.0.1:0", 512, LEASE, null);
        Baton baton = engine(new FaultyModel(model), node)) {
      Report remote = answer(baton, request(4));
      assertEquals(null, remote.fallback());
      awaitOrders(node, 1);
      faulty.arm(FaultyModel.Seam.LAYERS, new IllegalStateException("a fault"));
      assertTrue(answer(baton, request(4)).fallback() != null);
      awaitOrders(node, 2);
      Map<String, Double> there = parsed(node.metricsText());
      Map<String, Double> here = parsed(baton.metricsText());
      assertSample(1, there, "baton_orders_total{outcome=\"delivered\"}");
      assertSample(1, there, "baton_orders_total{outcome=\"failed\"}");
      double sent = there.getOrDefault("baton_stream_sent_bytes_total", 0.0);
      assertTrue(sent >= remote.transfer().kvBytes(), there.toString());
      assertSample(sent, here, "baton_stream_received_bytes_total");
      assertSample(1, here, "baton_prefill_faults_total{kind=\"closed\"}");
      assertSample(0, here, "baton_prefill_faults_total{kind=\"slower\"}");
      assertSample(2, here, "baton_requests_total{outcome=\"length\"}");
    }
  }

  /** The node hears of an answer's end a moment later. */
  private static void awaitOrders(PrefillNode node, int orders) throws InterruptedException {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (parsed(node.metricsText()).getOrDefault("baton_order_seconds_count", 0.0) < orders) {
      assertTrue(System.nanoTime() < until, node::metricsText);
      Thread.sleep(10);
    }
  }

  @Test
  void shouldAllocateNothingForAToken() {
    RequestMeters meters = new RequestMeters(new Meters());
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    for (int i = 0; i < 50_000; i++) {
      meters.token(i);
    }
    threads.getCurrentThreadAllocatedBytes();
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < 1_000; i++) {
      meters.token(i * 10_000L);
    }
    assertEquals(0, threads.getCurrentThreadAllocatedBytes() - before);
  }
}
