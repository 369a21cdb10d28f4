package dev.baton.kvstream.link;

import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.PrefixReader;
import java.util.concurrent.CompletableFuture;
import org.agrona.DirectBuffer;
import org.agrona.collections.Long2ObjectHashMap;

/** Queries for prefixes that one prefill node has not answered yet. Stream thread only. */
final class PrefixQueries {
  /** That may wait for their answers. */
  private static final int MOST = 1024;

  private record Asked(PrefixQuery query, CompletableFuture<PrefixHits> answer) {}

  private final PrefixReader reader = new PrefixReader();
  private final Long2ObjectHashMap<Asked> waiting = new Long2ObjectHashMap<>();
  private long lastId;

  boolean isFull() {
    return waiting.size() >= MOST;
  }

  /** Keeps a query until it is answered; returns its id. */
  long add(PrefixQuery query, CompletableFuture<PrefixHits> answer) {
    long id = ++lastId;
    waiting.put(id, new Asked(query, answer));
    return id;
  }

  /** Asks all that were not answered. */
  void sendAll(LinkControl control) {
    waiting.forEachLong((id, asked) -> control.send(control.writer().prefixQuery(id, asked.query)));
  }

  /** Takes an answer; one that nobody waits for is ignored. */
  void onHits(Frame frame, DirectBuffer buffer) {
    PrefixHits hits = reader.hits(frame, buffer);
    Asked asked = waiting.remove(reader.answeredId());
    if (asked != null) {
      asked.answer.complete(hits);
    }
  }

  /** Nobody will answer any more. */
  void fail(String reason) {
    waiting.forEachLong(
        (_, asked) -> asked.answer.completeExceptionally(new StreamException(reason)));
    waiting.clear();
  }
}
