package dev.baton.kvstream.session;

import dev.baton.kvstream.TransferTrace;
import dev.baton.kvstream.codec.HiddenRowsDecoder;
import dev.baton.kvstream.codec.KvSliceDecoder;
import dev.baton.kvstream.codec.LayerDigestDecoder;
import dev.baton.kvstream.codec.PrefillDoneDecoder;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.MalformedMessage;
import org.agrona.DirectBuffer;
import org.agrona.collections.Long2ObjectHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Hands the messages of one peer's KV stream to its sessions. Stream thread only; allocates
 * nothing.
 */
public final class KvReader {
  private final Long2ObjectHashMap<ReceiveSession> sessions;
  private final ClockOffset clock;
  private final SliceHeader what = new SliceHeader();
  private final KvSliceDecoder slice = new KvSliceDecoder();
  private final HiddenRowsDecoder hidden = new HiddenRowsDecoder();
  private final LayerDigestDecoder layerDigest = new LayerDigestDecoder();
  private final PrefillDoneDecoder done = new PrefillDoneDecoder();

  public KvReader(Long2ObjectHashMap<ReceiveSession> sessions, ClockOffset clock) {
    this.sessions = sessions;
    this.clock = clock;
  }

  /**
   * Takes one message; those of sessions that ended meanwhile are ignored.
   *
   * @throws MalformedMessage when it is none of the KV stream's
   */
  public void onMessage(Frame frame, DirectBuffer buffer, long nowNs) {
    switch (frame.templateId()) {
      case KvSliceDecoder.TEMPLATE_ID -> onSlice(frame, buffer, nowNs);
      case HiddenRowsDecoder.TEMPLATE_ID -> onHidden(frame, buffer, nowNs);
      case LayerDigestDecoder.TEMPLATE_ID -> onLayerDigest(frame, buffer);
      case PrefillDoneDecoder.TEMPLATE_ID -> onDone(frame, buffer);
      default ->
          throw new MalformedMessage(
              "message " + frame.templateId() + " is none of the KV stream's");
    }
  }

  private void onSlice(Frame frame, DirectBuffer buffer, long nowNs) {
    frame.requireBlock(KvSliceDecoder.BLOCK_LENGTH);
    slice.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    ReceiveSession session = session(slice.sessionId());
    if (session != null) {
      long payload = RawMemory.address(buffer, frame.restOffset());
      what.layer = slice.layer();
      what.state = slice.state();
      what.first = slice.first();
      what.count = slice.units();
      what.position = slice.position();
      session.onSlice(what, slice.digest(), payload, frame.restLength(), nowNs);
      TransferTrace trace = session.trace();
      if (trace != null) {
        trace.add(
            new TransferTrace.Arrival(
                slice.layer(),
                slice.first(),
                slice.units(),
                frame.restLength(),
                clock.toLocalNs(slice.readyNs()),
                clock.toLocalNs(slice.sentNs()),
                nowNs));
      }
    }
  }

  private void onHidden(Frame frame, DirectBuffer buffer, long nowNs) {
    frame.requireBlock(HiddenRowsDecoder.BLOCK_LENGTH);
    hidden.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    ReceiveSession session = session(hidden.sessionId());
    if (session != null) {
      long payload = RawMemory.address(buffer, frame.restOffset());
      session.onHidden(
          hidden.firstToken(),
          hidden.tokens(),
          hidden.digest(),
          payload,
          frame.restLength(),
          nowNs);
      TransferTrace trace = session.trace();
      if (trace != null) {
        trace.add(
            new TransferTrace.Arrival(
                TransferTrace.HIDDEN,
                hidden.firstToken(),
                hidden.tokens(),
                frame.restLength(),
                clock.toLocalNs(hidden.readyNs()),
                clock.toLocalNs(hidden.sentNs()),
                nowNs));
      }
    }
  }

  private void onLayerDigest(Frame frame, DirectBuffer buffer) {
    frame.requireBlock(LayerDigestDecoder.BLOCK_LENGTH);
    frame.requireTexts(buffer, 0);
    layerDigest.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    ReceiveSession session = session(layerDigest.sessionId());
    if (session != null) {
      session.onLayerDigest(
          layerDigest.layer(),
          layerDigest.state(),
          layerDigest.position(),
          layerDigest.units(),
          layerDigest.digest());
    }
  }

  private void onDone(Frame frame, DirectBuffer buffer) {
    frame.requireBlock(PrefillDoneDecoder.BLOCK_LENGTH);
    frame.requireTexts(buffer, 0);
    done.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    ReceiveSession session = session(done.sessionId());
    if (session != null) {
      session.onDone(
          clock.toLocalNs(done.computeStartNs()),
          clock.toLocalNs(done.computeEndNs()),
          clock.roundTripNs() / 2,
          done.hiddenRows(),
          done.hiddenDigest());
    }
  }

  private @Nullable ReceiveSession session(long id) {
    return sessions.get(id);
  }
}
