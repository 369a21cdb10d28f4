package dev.baton.kvstream.message;

import dev.baton.kvstream.Positions;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.codec.PrefixHitsDecoder;
import dev.baton.kvstream.codec.PrefixQueryDecoder;
import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;

/** Reads queries for prefixes, and their answers; bounds first. Stream thread only. */
public final class PrefixReader {
  /** Entries of an answer, which has to fit into one message. */
  static final int MOST_HELD = 1024;

  private final PrefixQueryDecoder query = new PrefixQueryDecoder();
  private final PrefixHitsDecoder hits = new PrefixHitsDecoder();

  /**
   * Reads a query.
   *
   * @throws IllegalArgumentException when its numbers make none
   */
  public PrefixQuery query(Frame frame, DirectBuffer buffer) {
    frame.requireBlock(PrefixQueryDecoder.BLOCK_LENGTH);
    int chain = frame.afterText(buffer, frame.restOffset());
    frame.requireEnd(frame.afterBytes(buffer, chain));
    query.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    String adapter = Frame.printable(query.adapter());
    byte[] hashes = new byte[query.chainLength()];
    query.getChain(hashes, 0, hashes.length);
    return new PrefixQuery(query.tokens(), query.fromLayer(), query.toLayer(), adapter, hashes);
  }

  /** Which query was just read. */
  public long queryId() {
    return query.queryId();
  }

  /** Which query the answer just read is for. */
  public long answeredId() {
    return hits.queryId();
  }

  /** Reads an answer. */
  public PrefixHits hits(Frame frame, DirectBuffer buffer) {
    frame.requireBlock(PrefixHitsDecoder.BLOCK_LENGTH);
    frame.requireGroup(buffer, PrefixHitsDecoder.HitsDecoder.sbeBlockLength());
    hits.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    List<PrefixHits.Held> held = new ArrayList<>();
    PrefixHitsDecoder.HitsDecoder group = hits.hits();
    if (group.count() > MOST_HELD || hits.queueMs() < 0 || hits.freeTokens() < 0) {
      throw new MalformedMessage("an answer of " + group.count() + " hits");
    }
    for (PrefixHitsDecoder.HitsDecoder hit : group) {
      Positions positions =
          hit.kind() == 0
              ? Positions.upTo(hit.position())
              : new Positions(0, List.of(hit.position()));
      held.add(new PrefixHits.Held(hit.fromLayer(), hit.toLayer(), positions));
    }
    return new PrefixHits(
        held,
        hits.queueMs(),
        hits.freeTokens(),
        hits.numericsVersion(),
        WireCodes.fidelity(hits.fidelity()),
        WireCodes.capabilities(hits.capabilities()));
  }
}
