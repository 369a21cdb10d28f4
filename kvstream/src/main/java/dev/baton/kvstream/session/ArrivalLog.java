package dev.baton.kvstream.session;

/**
 * When how many payload bytes had arrived. Exact for up to {@link #CAPACITY} arrivals; after that
 * neighbours are joined, later ones first known, so that the error stays below two of {@link
 * #CAPACITY} parts of the bytes. Used by one thread.
 */
final class ArrivalLog {
  static final int CAPACITY = 4096;

  private final long[] timeNs = new long[CAPACITY];
  private final long[] totalBytes = new long[CAPACITY];
  private int size;
  private int stride = 1;
  private int untilNext = 1;

  /** Notes that the total stood at {@code total} bytes at {@code nowNs}; both only grow. */
  void add(long nowNs, long total) {
    if (--untilNext > 0) {
      // Joined with the entry before, under this arrival's time: a byte is never counted before it
      // was there.
      timeNs[size - 1] = nowNs;
      totalBytes[size - 1] = total;
      return;
    }
    if (size == CAPACITY) {
      halve();
    }
    timeNs[size] = nowNs;
    totalBytes[size] = total;
    size++;
    untilNext = stride;
  }

  /** Bytes that had arrived at {@code atNs}. */
  long bytesUntil(long atNs) {
    int low = 0;
    int high = size;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (timeNs[middle] - atNs <= 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low == 0 ? 0 : totalBytes[low - 1];
  }

  private void halve() {
    for (int i = 0; i < CAPACITY / 2; i++) {
      timeNs[i] = timeNs[2 * i + 1];
      totalBytes[i] = totalBytes[2 * i + 1];
    }
    size = CAPACITY / 2;
    stride *= 2;
  }
}
