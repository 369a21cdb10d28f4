package dev.baton.kvstream.media;

/**
 * Datagrams on their way to one peer that the kernel takes with one call ({@code UDP_SEGMENT}): all
 * of one length, the last perhaps shorter, in the order they came. Only where they stand is kept,
 * nothing is copied, so their memory must stay until the run has left. One thread; allocates
 * nothing.
 */
final class SegmentRun {
  /** Linux: UDP_MAX_SEGMENTS was 64 until 6.9 and is 128 since. */
  static final int MAX_SEGMENTS = 64;

  /** What fits an IP packet, with room for any header. */
  static final int MAX_BYTES = 65_000;

  /** A run is not made shorter than this by loss: from here on calls cost little. */
  private static final int LEAST_SEGMENTS = 8;

  private final SocketDescriptor socket;
  private final MessageHeader message = new MessageHeader();
  private final long[] addresses = new long[MAX_SEGMENTS];
  private final int[] lengths = new int[MAX_SEGMENTS];
  private int first;
  private int end;
  private int bytes;
  private int limit = MAX_SEGMENTS;
  private boolean segmented = true;

  SegmentRun(SocketDescriptor socket) {
    this.socket = socket;
  }

  boolean isEmpty() {
    return first == end;
  }

  /** True when this datagram may be added. */
  boolean takes(int length) {
    if (isEmpty()) {
      return true;
    }
    int segment = lengths[first];
    return !isFull() && length <= segment && bytes + length <= MAX_BYTES;
  }

  /** True when nothing can be added before the run has left. */
  boolean isFull() {
    return !isEmpty()
        && (end - first >= limit
            || end == MAX_SEGMENTS
            || lengths[end - 1] < lengths[first]
            || bytes + lengths[first] > MAX_BYTES);
  }

  /** Adds a datagram that the run takes. */
  void add(long address, int length) {
    addresses[end] = address;
    lengths[end] = length;
    end++;
    bytes += length;
  }

  /** Forgets what has not left. */
  void clear() {
    first = 0;
    end = 0;
    bytes = 0;
  }

  /**
   * The link loses datagrams: runs are made shorter, as a slow switch loses the ends of long ones.
   */
  void shorten() {
    limit = Math.max(LEAST_SEGMENTS, limit / 2);
  }

  /** From now on one call a datagram: this system does not cut runs. */
  void endSegmenting() {
    segmented = false;
    limit = 1;
  }

  boolean isSegmenting() {
    return segmented;
  }

  /** True when the kernel has to cut what is to be sent. */
  boolean isCut() {
    return segmented && end - first > 1;
  }

  /** Datagrams that a run has at most at present. */
  int limit() {
    return limit;
  }

  /**
   * Hands the kernel what has been added; what it does not take stays.
   *
   * @return 0 when everything has left, else the kernel's {@code errno}, negated
   */
  int send() {
    while (!isEmpty()) {
      int count = segmented ? end - first : 1;
      int result = socket.send(header(count));
      if (result < 0) {
        return result;
      }
      if (count > 1 && count == limit && limit < MAX_SEGMENTS) {
        limit++;
      }
      leave(count);
    }
    return 0;
  }

  private void leave(int count) {
    first += count;
    if (first == end) {
      clear();
    }
  }

  /** Neighbours in memory are one part. */
  private MessageHeader header(int count) {
    int parts = 0;
    long from = addresses[first];
    long length = lengths[first];
    for (int i = first + 1; i < first + count; i++) {
      if (addresses[i] == from + length) {
        length += lengths[i];
      } else {
        message.part(parts++, from, length);
        from = addresses[i];
        length = lengths[i];
      }
    }
    message.part(parts++, from, length);
    message.toSend(parts, count > 1 ? lengths[first] : 0);
    return message;
  }
}
