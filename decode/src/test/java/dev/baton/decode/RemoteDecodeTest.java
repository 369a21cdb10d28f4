package dev.baton.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.cpu.CpuModel;
import dev.baton.kernel.AttentionLayer;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.RowRuns;
import dev.baton.kv.KvPool;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.Prompt;
import dev.baton.schedule.Priority;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What the decode loop does while KV is on its way, arrival by arrival. */
class RemoteDecodeTest {
  private static final int ANSWER = 8;
  private static final int BLOCKS = 24;

  private static KernelChoice kernels;
  private static CpuModel model;
  private static int layers;

  @BeforeAll
  static void load() {
    kernels = KernelChoice.open(KernelsConfig.defaults());
    model = CpuModel.load(TinyModel.FILE, kernels.kernels(), done -> {});
    layers = model.shape().layers();
  }

  @AfterAll
  static void close() {
    model.close();
    kernels.kernels().close();
  }

  @Test
  void shouldGiveTheFirstTokenWithTheLastRowAndRunTheStepBehindItLayerByLayer() throws Exception {
    List<Integer> stepLayers = Collections.synchronizedList(new ArrayList<>());
    int[] prompt = prompt(90, 1);
    Answer wanted = locally(prompt, ANSWER);
    try (CpuModel watched = CpuModel.load(TinyModel.FILE, watch(stepLayers, 90), done -> {});
        KvPool cache = new KvPool(model.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(watched, cache, 2, 32, System::nanoTime)) {
      for (int boundary : new int[] {layers, 3, 1}) {
        stepLayers.clear();
        SteppedPrefill node = new SteppedPrefill(model);
        Answer answer = new Answer();
        loop.submit(request(prompt, ANSWER, node, boundary, answer));
        node.awaitOrder();
        node.deliverHidden();
        waitFor(() -> answer.count() == 1, "the first token");
        stepLayers.clear(); // the upper layers of the prompt
        for (int layer = 0; layer < boundary; layer++) {
          assertEquals(1, answer.count());
          node.deliverLayer(layer);
          int until = layer + 1;
          waitFor(() -> stepLayers.contains(until - 1), "layer " + layer + " of the step");
          if (until < boundary) {
            assertEquals(IntStream.range(0, until).boxed().toList(), List.copyOf(stepLayers));
          }
        }
        assertEquals(wanted.outcome().end(), answer.outcome().end());
        assertSame(wanted, answer, "boundary " + boundary);
        assertNull(answer.outcome().fallback());
        long shared = answer.outcome().times().sharedPrefillNs();
        assertEquals(boundary < layers, shared > 0, "computed here: " + shared + " ns");
        assertTrue(shared <= answer.outcome().times().prefillNs());
      }
    }
  }

  @Test
  void shouldNotGoOnFromWhatATolerantNodeComputed() throws Exception {
    int[] prompt = prompt(150, 8);
    PrefixChain chain = new PrefixChain(new Prompt(prompt, 0), prompt.length);
    for (Fidelity fidelity : Fidelity.values()) {
      try (KvPool pool = new KvPool(model.kvGeometry(), BLOCKS);
          DecodeQueue loop = new DecodeQueue(model, pool, 1, 32, System::nanoTime)) {
        SteppedPrefill node = new SteppedPrefill(model, fidelity);
        Answer answer = new Answer();
        RemotePrefill remote = remote(node, layers);
        loop.submit(
            new DecodeRequest(
                prompt,
                2,
                SamplingParams.greedy(),
                _ -> false,
                null,
                remote,
                chain,
                Priority.INTERACTIVE,
                answer));
        node.awaitOrder();
        node.deliverHidden();
        for (int layer = 0; layer < layers; layer++) {
          node.deliverLayer(layer);
        }
        assertNull(answer.outcome().fallback());
        assertEquals(2, pool.prefixes().counts().cachedBlocks());
        assertEquals(fidelity == Fidelity.EXACT ? 128 : 0, loop.cachedTokens(chain));
      }
    }
  }

  @Test
  void shouldKeepTheStepsRowWhileOtherSessionsUseThePass() throws Exception {
    int[] prompt = prompt(70, 2);
    int[] other = prompt(40, 3);
    try (KvPool cache = new KvPool(model.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(model, cache, 3, 32, System::nanoTime)) {
      SteppedPrefill node = new SteppedPrefill(model);
      Answer answer = new Answer();
      Answer longOther = new Answer();
      loop.submit(request(prompt, ANSWER, node, layers, answer));
      loop.submit(request(other, 400, null, 0, longOther));
      node.awaitOrder();
      node.deliverHidden();
      for (int layer = 0; layer < layers; layer++) {
        int before = longOther.count();
        waitFor(() -> longOther.count() >= Math.min(400, before + 20), "the other session");
        node.deliverLayer(layer);
      }
      assertSame(locally(prompt, ANSWER), answer, "in between");
      assertSame(locally(other, 400), longOther, "the other one");
    }
  }

  @Test
  void shouldDecodeBeforeTheReportIsThereAndFetchItWhenItIs() throws Exception {
    int[] prompt = prompt(33, 4);
    try (KvPool cache = new KvPool(model.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(model, cache, 2, 32, System::nanoTime)) {
      SteppedPrefill node = new SteppedPrefill(model);
      Answer answer = new Answer();
      loop.submit(request(prompt, 900, node, layers, answer));
      node.awaitOrder();
      node.deliverAll();
      waitFor(() -> answer.count() > 5, "tokens before the report");
      node.becomeWhole();
      waitFor(node::isClosed, "the end of the order");
      assertTrue(answer.count() < 900, "the order outlived the answer");
      assertNotNull(answer.outcome().transfer());
      assertEquals(2, answer.outcome().transfer().computeEndNs());
    }
  }

  @Test
  void shouldGoOnHereAfterAFailureAtAnyPointWithoutChangingATokenOfTheAnswer() throws Exception {
    for (int boundary : new int[] {layers, 2}) {
      for (int length : new int[] {1, 50}) {
        Answer wanted = locally(prompt(length, 5), ANSWER);
        for (int arrived = -1; arrived <= boundary; arrived++) {
          try (KvPool cache = new KvPool(model.kvGeometry(), BLOCKS);
              DecodeQueue loop = new DecodeQueue(model, cache, 2, 32, System::nanoTime)) {
            SteppedPrefill node = new SteppedPrefill(model);
            Answer answer = new Answer();
            loop.submit(request(prompt(length, 5), ANSWER, node, boundary, answer));
            node.awaitOrder();
            if (arrived >= 0) {
              node.deliverHidden();
              waitFor(() -> answer.count() == 1, "the first token");
            }
            for (int layer = 0; layer < arrived; layer++) {
              node.deliverLayer(layer);
            }
            node.fail("the node is gone");
            String what = length + " tokens, boundary " + boundary + ", layers " + arrived;
            assertSame(wanted, answer, what);
            assertTrue(node.isClosed(), what);
            if (arrived < boundary) {
              assertEquals("the node is gone", answer.outcome().fallback(), what);
            }
            assertEquals(BLOCKS, cache.freeBlocks(), what);
          }
        }
      }
    }
  }

  @Test
  void shouldEndWhileKvIsStillOnItsWay() throws Exception {
    int[] prompt = prompt(50, 6);
    int firstToken = locally(prompt, 1).await()[0];
    try (KvPool cache = new KvPool(model.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(model, cache, 2, 32, System::nanoTime)) {
      SteppedPrefill oneToken = new SteppedPrefill(model);
      Answer limited = new Answer();
      loop.submit(request(prompt, 1, oneToken, layers, limited));
      oneToken.awaitOrder();
      oneToken.deliverHidden();
      assertEquals(DecodeOutcome.End.LENGTH, limited.outcome().end());
      assertArrayEquals(new int[] {firstToken}, limited.await());
      assertTrue(oneToken.isClosed());

      SteppedPrefill noToken = new SteppedPrefill(model);
      Answer ended = new Answer();
      loop.submit(request(prompt, 5, token -> token == firstToken, remote(noToken, layers), ended));
      noToken.awaitOrder();
      noToken.deliverHidden();
      assertEquals(DecodeOutcome.End.END_OF_GENERATION, ended.outcome().end());
      assertTrue(noToken.isClosed());

      SteppedPrefill halfWay = new SteppedPrefill(model);
      Answer cancelled = new Answer();
      DecodeSession session = loop.submit(request(prompt, 5, halfWay, layers, cancelled));
      halfWay.awaitOrder();
      halfWay.deliverHidden();
      halfWay.deliverLayer(0);
      waitFor(() -> cancelled.count() == 1, "the first token");
      session.cancel();
      assertEquals(DecodeOutcome.End.CANCELLED, cancelled.outcome().end());
      assertTrue(halfWay.isClosed());
      assertEquals(BLOCKS, cache.freeBlocks());
    }
  }

  @Test
  void shouldAllocateNothingBetweenTheFirstTokenAndTheSecond() throws Exception {
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long least = Long.MAX_VALUE;
    try (KvPool cache = new KvPool(model.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(model, cache, 2, 32, System::nanoTime)) {
      // Code that the JIT has not come to yet boxes on the way into the kernels; what the code
      // itself
      // allocates, all sessions show.
      Recorder warm = new Recorder();
      loop.submit(request(prompt(5, 8), 1000, null, 0, warm));
      warm.await();
      for (int i = 0; i < 300 && least > 0; i++) {
        long[] allocated = new long[2];
        SteppedPrefill node = new SteppedPrefill(model);
        Recorder recorder =
            new Recorder() {
              @Override
              public void onToken(int token) {
                allocated[count()] = threads.getCurrentThreadAllocatedBytes();
                super.onToken(token);
              }
            };
        loop.submit(request(prompt(20, i), 2, node, layers, recorder));
        node.awaitOrder();
        node.deliverHidden();
        waitFor(() -> recorder.count() == 1, "the first token");
        for (int layer = 0; layer < layers; layer++) {
          node.deliverLayer(layer);
          Thread.sleep(1);
        }
        recorder.await();
        least = Math.min(least, allocated[1] - allocated[0]);
      }
    }
    assertEquals(0, least, "bytes allocated while the step ran");
  }

  @Test
  void shouldFinishHereWhenThePrefillNodeBringsNothingUnlessToldToBePatient() throws Exception {
    int[] prompt = prompt(120, 9);
    try (KvPool cache = new KvPool(model.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(model, cache, 2, 32, System::nanoTime)) {
      SteppedPrefill silent = new SteppedPrefill(model);
      Answer answer = new Answer();
      loop.submit(request(prompt, ANSWER, silent, layers, answer));
      SteppedPrefill awaited = new SteppedPrefill(model);
      Answer patient = new Answer();
      RemotePrefill waits =
          new RemotePrefill(awaited, layers, new ChunkSchedule(64, 16), KvWireType.F16, true);
      loop.submit(request(prompt, ANSWER, token -> false, waits, patient));
      assertSame(locally(prompt, ANSWER), answer, "left");
      String why = String.valueOf(answer.outcome().fallback());
      assertTrue(
          why.matches(
              "nothing has come for .* s: the rest would take .* s, here .* s"
                  + "; all of the prompt is computed again here"),
          why);
      Thread.sleep(500);
      assertEquals(0, patient.count());
      awaited.awaitOrder();
      awaited.deliverAll();
      assertSame(locally(prompt, ANSWER), patient, "waited");
      assertNull(patient.outcome().fallback());
    }
  }

  private static Answer locally(int[] prompt, int maxTokens) throws Exception {
    try (KvPool cache = new KvPool(model.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(model, cache, 1, 32, System::nanoTime)) {
      Answer answer = new Answer();
      loop.submit(request(prompt, maxTokens, null, 0, answer));
      answer.await();
      return answer;
    }
  }

  private static void assertSame(Answer wanted, Answer got, String what) throws Exception {
    assertArrayEquals(wanted.await(), got.await(), "tokens: " + what);
    assertEquals(wanted.logits, got.logits, "logits: " + what);
  }

  @Test
  void shouldNotWaitForEverForANodeThatComputesNoMoreHoweverPatient() throws Exception {
    int[] prompt = prompt(90, 12);
    Answer wanted = locally(prompt, ANSWER);
    try (KvPool cache = new KvPool(model.kvGeometry(), BLOCKS);
        DecodeQueue loop = new DecodeQueue(model, cache, 2, 32, () -> 200 * System.nanoTime())) {
      SteppedPrefill node = new SteppedPrefill(model);
      RemotePrefill patient =
          new RemotePrefill(node, layers, new ChunkSchedule(64, 16), KvWireType.F16, true);
      Answer answer = new Answer();
      loop.submit(request(prompt, ANSWER, token -> false, patient, answer));
      node.awaitOrder();
      node.deliverHidden();
      String why = String.valueOf(answer.outcome().fallback());
      assertTrue(why.startsWith("nothing has come for"), why);
      assertSame(wanted, answer, "after a node that was left");
      assertTrue(node.isClosed());
    }
  }

  private static DecodeRequest request(
      int[] prompt,
      int maxTokens,
      @Nullable SteppedPrefill node,
      int boundary,
      TokenListener listener) {
    RemotePrefill remote = node == null ? null : remote(node, boundary);
    return request(prompt, maxTokens, token -> false, remote, listener);
  }

  private static RemotePrefill remote(SteppedPrefill node, int boundary) {
    return new RemotePrefill(node, boundary, new ChunkSchedule(64, 16), KvWireType.F16, false);
  }

  private static DecodeRequest request(
      int[] prompt,
      int maxTokens,
      IntPredicate end,
      @Nullable RemotePrefill remote,
      TokenListener listener) {
    return new DecodeRequest(prompt, maxTokens, SamplingParams.greedy(), end, remote, listener);
  }

  private static int[] prompt(int length, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return random.ints(length, 2, 2002).toArray();
  }

  private static void waitFor(BooleanSupplier condition, String what) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < deadline, "no sign of " + what + " within a minute");
      Thread.sleep(1);
    }
  }

  /** Kernels that write down in which layers a token at {@code position} is stored. */
  private static Kernels watch(List<Integer> storedLayers, int position) {
    return (Kernels)
        Proxy.newProxyInstance(
            Kernels.class.getClassLoader(),
            new Class<?>[] {Kernels.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("storeKv")
                  && ((RowRuns) arguments[0]).firstPosition(0) == position) {
                storedLayers.add(((AttentionLayer) arguments[1]).layer());
              }
              try {
                return method.invoke(kernels.kernels(), arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /** Tokens, and a hash over the bits of each step's logits. */
  private static final class Answer extends Recorder {
    private final List<Integer> logits = Collections.synchronizedList(new ArrayList<>());

    @Override
    public void onLogits(MemorySegment all, long row) {
      long bytes = model.shape().vocab() * (long) Float.BYTES;
      logits.add(Arrays.hashCode(all.asSlice(row * bytes, bytes).toArray(ValueLayout.JAVA_INT)));
    }
  }
}
