package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.Positions;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.StreamException;
import dev.baton.plan.HeldPrefix;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class PeerStandingsTest {
  private static final int LAYERS = 6;
  private static final long LONG_NS = TimeUnit.SECONDS.toNanos(60);
  private static final int[] PROMPT = new SplittableRandom(1).ints(320, 2, 2000).toArray();
  private static final Object NODE = new Object();

  private long nowNs = 1_000;
  private final PeerStandings standings = new PeerStandings(() -> nowNs);

  private static PrefixQuery query(int tokens) {
    return PrefixQuery.of(new Prompt(Arrays.copyOf(PROMPT, tokens), 0), 0, LAYERS);
  }

  /** 320 tokens in layers [0, 2), 192 in all, three seconds of work. */
  private static PrefixHits hits() {
    return new PrefixHits(
        List.of(
            new PrefixHits.Held(0, 2, Positions.upTo(320)),
            new PrefixHits.Held(2, LAYERS, Positions.upTo(192))),
        3_000,
        640,
        1,
        Fidelity.EXACT,
        Set.of());
  }

  private PeerStandings.Standing ask(CompletableFuture<PrefixHits> answer, int tokens) {
    return standings.ask(NODE, _ -> answer, query(tokens), answer.isDone() ? LONG_NS : 1);
  }

  @Test
  void shouldCountWithWhatTheNodeSays() {
    PeerStandings.Standing said = ask(CompletableFuture.completedFuture(hits()), 320);
    assertNull(said.doubt());
    assertEquals(3, said.queueSeconds());
    // The last token is computed in any case, and only whole blocks are held.
    assertEquals(256, said.held().tokens(2));
    assertEquals(192, said.held().tokens(3));
    assertEquals(192, said.held().tokens(LAYERS));
  }

  @Test
  void shouldCountNothingWhereNothingIsKnownAndSaySo() {
    PeerStandings.Standing silent = ask(new CompletableFuture<>(), 320);
    assertEquals(HeldPrefix.NONE, silent.held());
    assertEquals(0, silent.queueSeconds());
    assertTrue(String.valueOf(silent.doubt()).endsWith("nothing is counted"), silent.doubt());
    PeerStandings.Standing lost =
        ask(CompletableFuture.failedFuture(new StreamException("lost")), 320);
    assertTrue(String.valueOf(lost.doubt()).contains("could not be asked"), lost.doubt());
  }

  @Test
  void shouldCountWithWhatWasSaidLastAsFarAsItHoldsForThePrompt() {
    CompletableFuture<PrefixHits> late = new CompletableFuture<>();
    assertEquals(0, ask(late, 320).queueSeconds());
    late.complete(hits());
    nowNs += TimeUnit.MILLISECONDS.toNanos(500);
    PeerStandings.Standing known = ask(new CompletableFuture<>(), 320);
    assertEquals(2.5, known.queueSeconds(), 1e-9);
    assertEquals(256, known.held().tokens(1));
    assertTrue(
        String.valueOf(known.doubt()).endsWith("what it said 0.5 s ago is counted"), known.doubt());
    assertEquals(64, ask(new CompletableFuture<>(), 100).held().tokens(LAYERS), "a shorter one");
    PeerStandings.Standing other =
        standings.ask(
            NODE,
            _ -> new CompletableFuture<>(),
            PrefixQuery.of(new Prompt(new SplittableRandom(2).ints(320, 2, 99).toArray(), 0), 0, 6),
            1);
    assertEquals(HeldPrefix.NONE, other.held(), "another prompt");
    assertEquals(2.5, other.queueSeconds(), 1e-9);
    nowNs += TimeUnit.SECONDS.toNanos(10);
    assertEquals(0, ask(new CompletableFuture<>(), 320).queueSeconds());
    PeerStandings.Standing stranger =
        standings.ask(new Object(), _ -> new CompletableFuture<>(), query(320), 1);
    assertEquals(HeldPrefix.NONE, stranger.held(), "what another node said");
  }

  @Test
  void shouldNotLoseAnInterrupt() {
    Thread.currentThread().interrupt();
    PeerStandings.Standing unasked =
        standings.ask(NODE, _ -> new CompletableFuture<>(), query(320), LONG_NS);
    assertTrue(Thread.interrupted());
    assertFalse(unasked.doubt() == null);
  }
}
