package dev.baton;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillNode;
import dev.baton.schedule.Priority;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Turns of a conversation between two nodes that both keep prefixes: the same bits, less work. */
class PrefixIdentityTest {
  private static final int ANSWER = 40;
  private static final int CHUNK = 48;

  @Test
  void shouldGiveTheSameBitsWhateverEitherNodeHasOfThePrompt() throws Exception {
    try (NodeCompute there =
            NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), _ -> {});
        NodeCompute here = NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), _ -> {});
        NodeCompute apart = NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), _ -> {});
        PrefillNode node =
            PrefillNode.launch(there, "127.0.0.1:0", 512, Duration.ofSeconds(20), null);
        StreamNode stream =
            StreamNode.launch(
                StreamConfig.builder().leaseNs(TimeUnit.SECONDS.toNanos(20)).build(),
                here.identity("decode"),
                null);
        PrefillPeer peer = stream.connect(node.endpoint());
        DecodeQueue alone = new DecodeQueue(apart.model(), apart.pool(), 1, 512, System::nanoTime);
        DecodeQueue loop = new DecodeQueue(here.model(), here.pool(), 2, 64, System::nanoTime)) {
      int layers = here.model().shape().layers();
      // Whoever computed the last turn, whoever computes this one.
      int[] boundaries = {layers, layers, 2, 2, 0, layers, 3, 0, 0, 1, layers};
      int[] prompt = random(150, 1);
      int computedThere = 0;
      int heldInPart = 0;
      for (int turn = 0; turn < boundaries.length; turn++) {
        String what = "turn " + turn + ", " + prompt.length + " tokens at " + boundaries[turn];
        boolean forgets = turn == 2 || turn == 5; // then only the other node has its beginning
        if (forgets) {
          here.pool().prefixes().clear();
        }
        Answer wanted = answer(alone, prompt, null, false);
        Answer got = answer(loop, prompt, remote(peer, boundaries[turn]), true);
        DecodeOutcome outcome = got.outcome();
        assertNull(outcome.fallback(), what);
        assertNull(outcome.failure(), what);
        assertArrayEquals(wanted.logits, got.logits, what);
        assertArrayEquals(wanted.tokens, got.tokens, what);
        int known = turn == 0 || forgets ? 0 : (prompt.length - 21) / 64 * 64;
        assertEquals(known, outcome.tokens().cachedTokens(), what);
        PrefixHits hits =
            peer.ask(PrefixQuery.of(new Prompt(prompt, 0), 0, layers)).get(10, TimeUnit.SECONDS);
        if (boundaries[turn] > 0) {
          int held = hits.positions(0, boundaries[turn]).last(prompt.length);
          assertEquals(prompt.length / 64 * 64, held, what);
        }
        if (boundaries[turn] == layers) {
          computedThere++;
        } else if (hits.positions(0, layers).last(prompt.length) < prompt.length / 64 * 64) {
          heldInPart++;
        }
        prompt = joined(prompt, got.tokens, random(20, 100 + turn));
      }
      assertEquals(4, computedThere);
      assertTrue(heldInPart > 2, heldInPart + " turns");
      assertTrue(there.pool().prefixes().counts().hitTokens() > 500);
      assertTrue(here.pool().prefixes().counts().hitTokens() > 2_000);
      for (int i = 0; i < 500 && node.sessions() > 0; i++) {
        Thread.sleep(10);
      }
      assertEquals(here.pool().totalBlocks(), here.pool().freeBlocks());
      assertEquals(there.pool().totalBlocks(), there.pool().freeBlocks());
    }
  }

  /** Prompts that begin alike, at once: whatever the one leaves behind the next one finds. */
  @Test
  void shouldGiveTheSameBitsToManyAtOnceThatBeginAlike() throws Exception {
    try (NodeCompute there =
            NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), _ -> {});
        NodeCompute here = NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), _ -> {});
        PrefillNode node =
            PrefillNode.launch(there, "127.0.0.1:0", 512, Duration.ofSeconds(20), null);
        StreamNode stream =
            StreamNode.launch(
                StreamConfig.builder().leaseNs(TimeUnit.SECONDS.toNanos(20)).build(),
                here.identity("decode"),
                null);
        PrefillPeer peer = stream.connect(node.endpoint());
        DecodeQueue loop = new DecodeQueue(here.model(), here.pool(), 8, 64, System::nanoTime)) {
      int layers = here.model().shape().layers();
      SplittableRandom random = new SplittableRandom(3);
      for (int round = 0; round < 60; round++) {
        here.pool().prefixes().clear();
        if (round % 3 == 0) {
          there.pool().prefixes().clear();
        }
        int[] head = random(260, round);
        List<Answer> answers = new ArrayList<>();
        List<int[]> prompts = new ArrayList<>();
        List<Integer> boundaries = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          int[] prompt = Arrays.copyOf(head, 20 + random.nextInt(240));
          int boundary = random.nextInt(layers + 1);
          Answer answer = new Answer();
          var _ = loop.submit(request(prompt, remote(peer, boundary), true, answer));
          answers.add(answer);
          prompts.add(prompt);
          boundaries.add(boundary);
        }
        for (int i = 0; i < answers.size(); i++) {
          String what =
              "round " + round + ", " + prompts.get(i).length + " tokens at " + boundaries.get(i);
          DecodeOutcome outcome = answers.get(i).ended.get(120, TimeUnit.SECONDS);
          assertNull(outcome.failure(), what);
          assertNull(outcome.fallback(), what + ", " + outcome.tokens().cachedTokens() + " cached");
          Answer alone = new Answer();
          var _ = loop.submit(request(prompts.get(i), null, false, alone));
          DecodeOutcome _ = alone.ended.get(120, TimeUnit.SECONDS);
          assertArrayEquals(alone.logits, answers.get(i).logits, what);
        }
      }
    }
  }

  private static @Nullable RemotePrefill remote(PrefillPeer peer, int boundary) {
    return boundary == 0
        ? null
        : new RemotePrefill(peer, boundary, ChunkSchedule.equal(CHUNK), KvWireType.F16, true);
  }

  private static Answer answer(
      DecodeQueue loop, int[] prompt, @Nullable RemotePrefill remote, boolean reuse)
      throws Exception {
    Answer answer = new Answer();
    var _ = loop.submit(request(prompt, remote, reuse, answer));
    answer.ended.get(120, TimeUnit.SECONDS);
    return answer;
  }

  private static DecodeRequest request(
      int[] prompt, @Nullable RemotePrefill remote, boolean reuse, Answer answer) {
    return new DecodeRequest(
        prompt,
        ANSWER,
        SamplingParams.greedy(),
        token -> false,
        null,
        remote,
        reuse ? new PrefixChain(new Prompt(prompt, 0), prompt.length) : null,
        Priority.INTERACTIVE,
        answer);
  }

  private static int[] random(int length, long seed) {
    return new SplittableRandom(seed).ints(length, 2, 2000).toArray();
  }

  private static int[] joined(int[]... parts) {
    return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
  }

  /** Tokens, and a hash over the bits of each step's logits. */
  private static final class Answer implements TokenListener {
    private final int[] tokens = new int[ANSWER];
    private final int[] logits = new int[ANSWER];
    private final CompletableFuture<DecodeOutcome> ended = new CompletableFuture<>();
    private int count;

    DecodeOutcome outcome() {
      return Objects.requireNonNull(ended.getNow(null));
    }

    @Override
    public void onLogits(MemorySegment all, long row) {
      long bytes = 2048L * Float.BYTES;
      logits[count] =
          Arrays.hashCode(all.asSlice(row * bytes, bytes).toArray(ValueLayout.JAVA_INT));
    }

    @Override
    public void onToken(int token) {
      tokens[count++] = token;
    }

    @Override
    public void onEnd(DecodeOutcome end) {
      ended.complete(end);
    }
  }
}
