package dev.baton.kvstream.media;

import io.aeron.driver.Configuration;
import io.aeron.logbuffer.FrameDescriptor;
import io.aeron.logbuffer.LogBufferDescriptor;
import io.aeron.protocol.SetupFlyweight;

/**
 * Which streams a node takes. A stranger's setup of 40 bytes would else take memory for terms of
 * any length.
 *
 * @param maxStream streams are numbered from 1 to this
 * @param maxTermBytes longest term
 * @param firstAwaited streams from this number on are taken only when the node vouches for them
 */
record StreamLimits(int maxStream, int maxTermBytes, int firstAwaited) {
  /** Takes all of them from anybody. */
  StreamLimits(int maxStream, int maxTermBytes) {
    this(maxStream, maxTermBytes, maxStream + 1);
  }

  /** True for the number of a stream that comes only when it was agreed upon. */
  boolean isAwaited(int stream) {
    return stream >= firstAwaited;
  }

  /** True for the number of a stream that is taken. */
  boolean takes(int stream) {
    return stream >= 1 && stream <= maxStream;
  }

  /** True when a stream that begins like this is taken; the frame is long enough. */
  boolean takes(SetupFlyweight setup) {
    int term = setup.termLength();
    int mtu = setup.mtuLength();
    int offset = setup.termOffset();
    return takes(setup.streamId())
        && Integer.bitCount(term) == 1
        && term >= LogBufferDescriptor.TERM_MIN_LENGTH
        && term <= maxTermBytes
        && mtu > 0
        && mtu <= Configuration.MAX_UDP_PAYLOAD_LENGTH
        && mtu % FrameDescriptor.FRAME_ALIGNMENT == 0
        && offset >= 0
        && offset < term
        && offset % FrameDescriptor.FRAME_ALIGNMENT == 0
        && setup.activeTermId() - setup.initialTermId() >= 0;
  }
}
