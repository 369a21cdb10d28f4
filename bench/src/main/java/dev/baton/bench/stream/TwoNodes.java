package dev.baton.bench.stream;

import dev.baton.bench.report.WrongResult;
import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.KvDemand;
import dev.baton.node.NodeCompute;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * This process as a decode node with one compute thread, and a {@code baton node} on another core
 * that prefills. One thread.
 */
final class TwoNodes implements AutoCloseable {
  /** Long: where others keep the machine busy, a silent peer is to be measured, not given up. */
  static final Duration LEASE = Duration.ofSeconds(30);

  private static final int ANSWER_TOKENS = 8;
  private static final long SEED = 4;

  private final PinnedNode node;
  private final NodeCompute compute;
  private final StreamNode stream;
  private final PrefillPeer peer;
  private final Map<Integer, DecodeQueue> loops = new HashMap<>();

  /**
   * One answer.
   *
   * @param tokens the answer's
   * @param outcome what it took
   */
  record Answer(List<Integer> tokens, DecodeOutcome outcome) {
    double ttftMs() {
      return outcome.times().ttftNs() / 1e6;
    }
  }

  /**
   * Starts the prefill node and loads the model here as well.
   *
   * @param contextTokens what both serve at most; 0 for what the model and memory allow
   */
  TwoNodes(Path model, int contextTokens) throws InterruptedException {
    this.node =
        PinnedNode.start(
            new PinnedNode.Setup(model, NodeCompute.CPU, contextTokens, LEASE, true), Map.of());
    KernelsConfig kernels = KernelsConfig.fromEnvironment(System.getenv()).withThreads(1);
    this.compute =
        NodeCompute.open(
            model, NodeCompute.CPU, kernels, new KvDemand(contextTokens, 0, 1), done -> {});
    this.stream =
        StreamNode.launch(
            StreamConfig.builder().leaseNs(LEASE.toNanos()).build(),
            compute.identity("bench decode node"),
            null);
    this.peer = stream.connect(node.endpoint());
  }

  int layers() {
    return compute.model().shape().layers();
  }

  /** KV bytes of a token, all layers. */
  int tokenBytes() {
    return layers() * compute.model().kvGeometry().tokenBytes();
  }

  /** The longest prompt that leaves room for the answer. */
  int longestPrompt() {
    return compute.contextTokens() - ANSWER_TOKENS;
  }

  /** Seeded tokens: for time it does not matter what they say. */
  int[] prompt(int tokens) {
    return new SplittableRandom(SEED).ints(tokens, 0, compute.model().shape().vocab()).toArray();
  }

  /** Answers with the whole prefill here. */
  Answer local(int[] prompt, int chunkTokens) {
    return answer(prompt, chunkTokens, null);
  }

  /** Answers with layers [0, boundary) of the prefill at the prefill node. */
  Answer split(int[] prompt, int boundary, int chunkTokens) {
    Answer answer =
        answer(
            prompt,
            chunkTokens,
            new RemotePrefill(
                peer, boundary, ChunkSchedule.equal(chunkTokens), KvWireType.F16, true));
    String fallback = answer.outcome().fallback();
    if (fallback != null) {
      throw new WrongResult("the split request was finished locally: " + fallback);
    }
    return answer;
  }

  private Answer answer(int[] prompt, int chunkTokens, @Nullable RemotePrefill remote) {
    DecodeQueue loop =
        loops.computeIfAbsent(
            chunkTokens,
            chunk -> new DecodeQueue(compute.model(), compute.pool(), 1, chunk, System::nanoTime));
    List<Integer> tokens = new ArrayList<>();
    CompletableFuture<DecodeOutcome> end = new CompletableFuture<>();
    loop.submit(
        new DecodeRequest(
            prompt,
            ANSWER_TOKENS,
            SamplingParams.greedy(),
            token -> false,
            remote,
            new TokenListener() {
              @Override
              public void onToken(int token) {
                tokens.add(token);
              }

              @Override
              public void onEnd(DecodeOutcome outcome) {
                end.complete(outcome);
              }
            }));
    DecodeOutcome outcome = end.join();
    if (outcome.end() != DecodeOutcome.End.LENGTH) {
      throw new WrongResult("a request ended as " + outcome.end() + ": " + outcome.failure());
    }
    return new Answer(tokens, outcome);
  }

  @Override
  public void close() {
    loops.values().forEach(DecodeQueue::close);
    peer.close();
    stream.close();
    compute.close();
    node.close();
  }
}
