package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.BatonProcess;
import dev.baton.GenerateRequest;
import dev.baton.Generation;
import dev.baton.Report;
import dev.baton.Split;
import dev.baton.decode.SamplingParams;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * A prefill node in a process of its own, an engine in this one, and a {@link Relay} between them.
 * The prefill node's KV cache holds the longest prompt exactly once, so that a single block which
 * it does not get back makes {@link #assertNothingIsLeft} fail.
 */
final class RelayedNodes implements AutoCloseable {
  /** Takes every block of the prefill node's cache. */
  static final String WHOLE_CONTEXT =
      "Once upon a time, there was a little elephant named Luna who lived in a little village. "
          .repeat(50);

  /** KV of the whole prompt, all layers. */
  static final long WHOLE_CONTEXT_KV_BYTES = 1001L * 512 * 6;

  private static final int CONTEXT_TOKENS = 1024;

  /** Small, so that there are many datagrams to lose. */
  private static final int CHUNK_TOKENS = 16;

  private static final int PATIENCE_MS = 20_000;

  /** What stays equal whoever answers. */
  record Answer(String text, int[] tokens, Report report) {}

  final Relay relay;
  final Baton baton;
  private final int nodePort;
  private final Duration lease;
  private final Map<String, Answer> localAnswers = new HashMap<>();
  private final Footprint ownFootprint;
  private final Footprint nodeFootprint;
  private BatonProcess node;

  private RelayedNodes(Duration lease, long seed, boolean patient) {
    System.out.println("seed " + seed);
    this.lease = lease;
    this.nodePort = freePort();
    this.node = startNode();
    int decodePort = freePort();
    this.relay = new Relay("127.0.0.1:" + nodePort, "127.0.0.1:" + decodePort, seed);
    this.baton =
        Baton.open(
            BatonConfig.builder(BatonProcess.TINY)
                .prefill(relay.toPrefill())
                .split(new Split.Remote())
                .listen("127.0.0.1:" + decodePort)
                .advertise(relay.toDecode())
                .chunkTokens(CHUNK_TOKENS)
                .patient(patient)
                .lease(lease)
                .build());
    this.nodeFootprint = Footprint.of(node);
    this.ownFootprint = footprintHere();
  }

  /** A thread has its name only once it runs: an answer makes sure that they all do. */
  private Footprint footprintHere() {
    local(request("Are you there?", new Split.Local()).withMaxTokens(1));
    return Footprint.ofThisProcess();
  }

  /** Nodes whose decode side waits for the prefill node as long as it lives. */
  static RelayedNodes open(Duration lease, long seed) {
    return new RelayedNodes(lease, seed, true);
  }

  /** Nodes whose decode side finishes by itself what it would wait for in vain. */
  static RelayedNodes openImpatient(Duration lease, long seed) {
    return new RelayedNodes(lease, seed, false);
  }

  private BatonProcess startNode() {
    BatonProcess started =
        BatonProcess.start(
            "node",
            "--listen",
            "127.0.0.1:" + nodePort,
            "--model",
            BatonProcess.TINY.toString(),
            "--kv-tokens",
            Integer.toString(CONTEXT_TOKENS),
            "--lease-ms",
            Long.toString(lease.toMillis()));
    started.awaitReady();
    return started;
  }

  static int freePort() {
    try (DatagramSocket probe =
        new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))) {
      return probe.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  BatonProcess node() {
    return node;
  }

  /** HOST:PORT of the prefill node, without a relay. */
  String nodeEndpoint() {
    return "127.0.0.1:" + nodePort;
  }

  Duration lease() {
    return lease;
  }

  /** Starts the prefill node again, where it was. */
  void restartNode() {
    node.close();
    node.await();
    node = startNode();
  }

  /** A request whose tokens would show a change of its logits. */
  static GenerateRequest request(String prompt, Split split) {
    return GenerateRequest.of(prompt)
        .withMaxTokens(12)
        .withSampling(SamplingParams.usual(prompt.length()))
        .withSplit(split);
  }

  /** Answers without any help. */
  Answer local(GenerateRequest request) {
    return localAnswers.computeIfAbsent(
        request.prompt(), prompt -> answer(request.withSplit(new Split.Local())));
  }

  /** So that the next prompt's KV travels, though the prompt was answered before. */
  void forgetPrefixes() {
    baton.compute().pool().prefixes().clear();
  }

  Answer answer(GenerateRequest request) {
    forgetPrefixes();
    try (Generation generation = baton.generate(request)) {
      return answer(generation);
    }
  }

  static Answer answer(Generation generation) {
    try {
      StringBuilder text = new StringBuilder();
      for (String piece = generation.next(); piece != null; piece = generation.next()) {
        text.append(piece);
      }
      return new Answer(text.toString(), generation.takenTokens(), generation.report());
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** The answer is what it is without a prefill node, whatever happened on the way. */
  Report assertSameAnswer(GenerateRequest request) {
    Answer wanted = local(request);
    Answer given = answer(request);
    assertSame(wanted, given);
    return given.report();
  }

  static void assertSame(Answer wanted, Answer given) {
    assertArrayEquals(
        wanted.tokens(),
        given.tokens(),
        () -> Arrays.toString(given.tokens()) + " after " + given.report());
    assertEquals(wanted.text(), given.text());
  }

  /** Nobody had to step in for the prefill node. */
  Report assertGoesOn(GenerateRequest request) {
    Report report = assertSameAnswer(request);
    assertNull(report.fallback(), report::toString);
    return report;
  }

  /**
   * Over a sound link again: all blocks of both nodes and their threads are back where they were,
   * and a prompt that needs every block of the prefill node is prefilled there. The files of
   * streams that were replaced stay for two leases more; {@link #close} waits for them, once for
   * all faults.
   */
  void assertNothingIsLeft() {
    relay.suffer();
    relay.cut(false);
    var pool = baton.compute().pool();
    assertTrue(
        await(() -> pool.freeBlocks() == pool.totalBlocks()),
        () -> pool.freeBlocks() + " of " + pool.totalBlocks() + " blocks are free here");
    List<String> refusals = new ArrayList<>();
    assertTrue(
        await(() -> wholeContextIsPrefilledThere(refusals)),
        () -> "the prefill node did not take a whole context: " + refusals);
    assertEquals(nodeFootprint.threads(), Footprint.of(node).threads());
    assertEquals(ownFootprint.threads(), Footprint.ofThisProcess().threads());
  }

  /**
   * A stream whose first words were spoiled is a stranger's for a handshake (5 s) and a lease; then
   * it is rejected, and Aeron keeps its file for twice a lease and a second.
   */
  private void assertNoStreamIsLeft() {
    long longestMs = 5_000 + 3 * lease.toMillis() + 2_000;
    assertTrue(
        await(
            () -> Footprint.of(node).streams().size() <= nodeFootprint.streams().size(),
            longestMs + PATIENCE_MS),
        () -> "the prefill node: " + Footprint.of(node) + " where there was " + nodeFootprint);
    assertTrue(
        await(() -> Footprint.ofThisProcess().streams().size() <= ownFootprint.streams().size()),
        () -> "here: " + Footprint.ofThisProcess() + " where there was " + ownFootprint);
  }

  private boolean wholeContextIsPrefilledThere(List<String> refusals) {
    String why =
        assertSameAnswer(request(WHOLE_CONTEXT, new Split.Remote()).withMaxTokens(12)).fallback();
    if (why != null && !refusals.contains(why)) {
      refusals.add(why);
    }
    return why == null;
  }

  static boolean await(BooleanSupplier condition) {
    return await(condition, PATIENCE_MS);
  }

  private static boolean await(BooleanSupplier condition, long patienceMs) {
    long deadlineNs = System.nanoTime() + patienceMs * 1_000_000L;
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - deadlineNs > 0) {
        return false;
      }
      BatonProcess.pause(50);
    }
    return true;
  }

  @Override
  public void close() {
    try {
      assertNoStreamIsLeft();
    } finally {
      baton.close();
      relay.close();
      node.signal("TERM");
      node.await();
      node.close();
    }
    assertEquals(List.of(), Footprint.filesOf(node.process().pid()), "files of the ended node");
  }
}
