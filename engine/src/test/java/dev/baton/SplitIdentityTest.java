package dev.baton;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.NativeKernels;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillNode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The split never changes the answer: greedy tokens and every step's logits, to the last bit. On
 * baton-tiny, or on the GGUF that the system property {@code baton.identity.model} names.
 */
class SplitIdentityTest {
  private static final Path MODEL =
      Path.of(System.getProperty("baton.identity.model", BatonProcess.TINY.toString()));
  private static final int ANSWER = 6;

  /**
   * Nodes of unlike instruction sets, where the machine has them; the last stands for the oracle.
   */
  private static final Map<String, NodeCompute> NODES = new HashMap<>();

  private static final List<String> LEVELS =
      NativeKernels.whyMissing().isPresent() ? List.of("java") : NativeKernels.levels();

  @BeforeAll
  static void open() {
    for (String isa : LEVELS) {
      NODES.put(isa, compute(isa));
    }
    NODES.computeIfAbsent("java", SplitIdentityTest::compute);
  }

  private static NodeCompute compute(String isa) {
    return NodeCompute.open(MODEL, KernelsConfig.defaults().withIsa(isa), done -> {});
  }

  @AfterAll
  static void close() {
    NODES.values().forEach(NodeCompute::close);
    NODES.clear();
  }

  @Test
  void shouldGiveTheSameBitsAtEveryBoundaryChunkSizeAndPromptLength() throws Exception {
    String prefillIsa = LEVELS.getFirst();
    String decodeIsa = LEVELS.size() > 1 ? LEVELS.get(1) : "java";
    int layers = NODES.get("java").model().shape().layers();
    compareAll(prefillIsa, decodeIsa, IntStream.rangeClosed(0, layers).toArray());
    compareAll(decodeIsa, prefillIsa, new int[] {1, layers / 2 + 1, layers});
  }

  @Test
  void shouldGiveTheSameBitsOnTheOracleAndEveryInstructionSet() throws Exception {
    int[] prompt = prompt(131, 5);
    Answer wanted = answerLocally(NODES.get("java"), prompt, 64);
    for (String isa : LEVELS) {
      assertSame(wanted, answerLocally(NODES.get(isa), prompt, 64), isa);
    }
  }

  private static void compareAll(String prefillIsa, String decodeIsa, int[] boundaries)
      throws Exception {
    NodeCompute decode = NODES.get(decodeIsa);
    try (PrefillNode node =
            PrefillNode.launch(
                NODES.get(prefillIsa), "127.0.0.1:0", 512, Duration.ofSeconds(20), null);
        StreamNode stream =
            StreamNode.launch(
                StreamConfig.builder().leaseNs(TimeUnit.SECONDS.toNanos(20)).build(),
                decode.identity("decode"),
                null);
        PrefillPeer peer = stream.connect(node.endpoint());
        DecodeQueue loop =
            new DecodeQueue(decode.model(), decode.pool(), 2, 512, System::nanoTime)) {
      int context = decode.model().shape().context();
      for (int length : new int[] {1, 2, 63, 64, 65, 200, context - ANSWER}) {
        int[] prompt = prompt(length, length);
        Answer wanted = answerLocally(NODES.get(prefillIsa), prompt, 512);
        for (int chunk : new int[] {1, 7, 64, 512}) {
          if ((chunk == 1 && length > 100) || (chunk < 512 && length > 1024)) {
            continue; // the same code as for shorter prompts, at a thousand times the cost
          }
          for (int boundary : boundaries) {
            if (length > 1024 && boundary % 15 != 0) {
              continue;
            }
            ChunkSchedule chunks = new ChunkSchedule(chunk, Math.clamp(chunk / 4, 1, 16));
            RemotePrefill remote =
                boundary == 0
                    ? null
                    : new RemotePrefill(peer, boundary, chunks, KvWireType.F16, true);
            Answer got = answer(loop, prompt, remote);
            assertSame(
                wanted,
                got,
                length
                    + " tokens, chunk "
                    + chunk
                    + ", boundary "
                    + boundary
                    + " from "
                    + prefillIsa);
          }
        }
      }
      // The last session ends at the prefill node when the word that all has arrived gets there.
      for (int i = 0; i < 500 && node.sessions() > 0; i++) {
        Thread.sleep(10);
      }
      assertEquals(0, node.sessions());
    }
    assertEquals(decode.pool().totalBlocks(), decode.pool().freeBlocks());
    assertEquals(
        NODES.get(prefillIsa).pool().totalBlocks(), NODES.get(prefillIsa).pool().freeBlocks());
  }

  private static void assertSame(Answer wanted, Answer got, String what) {
    assertNull(got.outcome.fallback(), what);
    assertNull(got.outcome.failure(), what);
    assertArrayEquals(wanted.logits, got.logits, "logits: " + what);
    assertArrayEquals(wanted.tokens, got.tokens, "tokens: " + what);
  }

  private static Answer answerLocally(NodeCompute node, int[] prompt, int chunk) throws Exception {
    try (DecodeQueue loop =
        new DecodeQueue(node.model(), node.pool(), 1, chunk, System::nanoTime)) {
      return answer(loop, prompt, null);
    }
  }

  private static Answer answer(DecodeQueue loop, int[] prompt, @Nullable RemotePrefill remote)
      throws Exception {
    Answer answer = new Answer();
    loop.submit(
        new DecodeRequest(prompt, ANSWER, SamplingParams.greedy(), token -> false, remote, answer));
    answer.ended.get(300, TimeUnit.SECONDS);
    return answer;
  }

  private static int[] prompt(int length, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] tokens = new int[length];
    Arrays.setAll(tokens, i -> 2 + random.nextInt(2000));
    return tokens;
  }

  /** Tokens, and a hash over the bits of each step's logits. */
  private static final class Answer implements TokenListener {
    private final int[] tokens = new int[ANSWER];
    private final int[] logits = new int[ANSWER];
    private final CompletableFuture<DecodeOutcome> ended = new CompletableFuture<>();
    private DecodeOutcome outcome;
    private int count;

    @Override
    public void onLogits(MemorySegment all, long row) {
      long bytes = NODES.get("java").model().shape().vocab() * (long) Float.BYTES;
      logits[count] =
          Arrays.hashCode(all.asSlice(row * bytes, bytes).toArray(ValueLayout.JAVA_INT));
    }

    @Override
    public void onToken(int token) {
      tokens[count++] = token;
    }

    @Override
    public void onEnd(DecodeOutcome end) {
      outcome = end;
      ended.complete(end);
    }
  }
}
