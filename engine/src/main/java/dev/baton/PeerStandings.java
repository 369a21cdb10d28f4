package dev.baton;

import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.plan.HeldPrefix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * How a prefill node stands: what it holds of a prompt, and what is before a new order. It is asked
 * for each plan, on the thread of whoever has the request, which waits as long as it says; without
 * an answer what was known last counts. Any thread.
 */
final class PeerStandings {
  private static final int BLOCK = PrefixChain.BLOCK_TOKENS;

  /**
   * What a plan counts with.
   *
   * @param held of the prompt there
   * @param queueSeconds of work before a new order
   * @param doubt why that may not be so, for people; null where the node said it just now
   */
  record Standing(HeldPrefix held, double queueSeconds, @Nullable String doubt) {
    /** Of a node that was not asked. */
    static final Standing NONE = new Standing(HeldPrefix.NONE, 0, null);
  }

  private record Said(Object node, PrefixQuery query, PrefixHits hits, long ns) {}

  private final LongSupplier nanoClock;
  private volatile @Nullable Said last;

  PeerStandings(LongSupplier nanoClock) {
    this.nanoClock = nanoClock;
  }

  /**
   * Asks, and waits for the answer; a later one is kept for those who ask next.
   *
   * @param node whom; what another one said does not count
   * @param way how to ask it
   */
  Standing ask(
      Object node,
      Function<PrefixQuery, CompletableFuture<PrefixHits>> way,
      PrefixQuery query,
      long limitNs) {
    CompletableFuture<PrefixHits> answer = way.apply(query);
    CompletableFuture<Void> kept =
        answer.thenAccept(hits -> last = new Said(node, query, hits, nanoClock.getAsLong()));
    try {
      kept.get(limitNs, TimeUnit.NANOSECONDS);
      PrefixHits hits = answer.join();
      return new Standing(held(hits, query.toLayer(), query.tokens()), queue(hits, 0), null);
    } catch (TimeoutException _) {
      return known(
          node,
          query,
          String.format(Locale.ROOT, "the prefill node did not say in %.1f ms", limitNs / 1e6));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return known(node, query, "the prefill node could not be asked");
    } catch (ExecutionException _) {
      return known(node, query, "the prefill node could not be asked");
    }
  }

  private Standing known(Object node, PrefixQuery query, String why) {
    String trouble = why + " what it holds and what is before an order: ";
    Said said = last;
    if (said == null || !said.node.equals(node)) {
      return new Standing(HeldPrefix.NONE, 0, trouble + "nothing is counted");
    }
    long agoNs = Math.max(0, nanoClock.getAsLong() - said.ns);
    int common = Arrays.mismatch(said.query.chain(), query.chain());
    int blocks = (common < 0 ? query.chain().length : common) / PrefixChain.HASH_BYTES;
    return new Standing(
        held(said.hits, query.toLayer(), Math.min(query.tokens(), blocks * BLOCK + 1)),
        queue(said.hits, agoNs),
        trouble + String.format(Locale.ROOT, "what it said %.1f s ago is counted", agoNs / 1e9));
  }

  /** Work is done meanwhile. */
  private static double queue(PrefixHits hits, long agoNs) {
    return Math.max(0, hits.queueMs() / 1e3 - agoNs / 1e9);
  }

  /** The last of the tokens is computed in any case. */
  private static HeldPrefix held(PrefixHits hits, int layers, int tokens) {
    List<HeldPrefix.Part> parts = new ArrayList<>();
    int[] ends =
        hits.held().stream()
            .mapToInt(PrefixHits.Held::toLayer)
            .filter(end -> end <= layers)
            .distinct()
            .sorted()
            .toArray();
    int most = 0;
    for (int i = ends.length - 1; i >= 0; i--) {
      int usable = hits.positions(0, ends[i]).last(tokens - 1) / BLOCK * BLOCK;
      if (usable > most) {
        parts.add(new HeldPrefix.Part(ends[i], usable));
        most = usable;
      }
    }
    return new HeldPrefix(parts);
  }
}
