package dev.baton.kvstream.session;

import dev.baton.kvstream.TransferFault;
import dev.baton.kvstream.TransferReport;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Counts one session's transfer. The stream thread writes, any thread reads. */
final class TransferMeter {
  private final ArrivalLog arrivals = new ArrivalLog();
  private final AtomicLong kvBytes = new AtomicLong();
  private final AtomicLong hiddenBytes = new AtomicLong();
  private final AtomicLong orderedNs = new AtomicLong();
  private final AtomicLong firstByteNs = new AtomicLong();
  private final AtomicLong lastByteNs = new AtomicLong();
  private final AtomicLong savedBytes = new AtomicLong();
  private final AtomicInteger resumes = new AtomicInteger();
  private final AtomicInteger spoiled = new AtomicInteger();
  private volatile @Nullable TransferFault fault;
  private volatile @Nullable TransferReport complete;

  void ordered(long nowNs) {
    orderedNs.setRelease(nowNs);
  }

  void kv(long nowNs, int bytes) {
    add(kvBytes, nowNs, bytes);
  }

  void hidden(long nowNs, int bytes) {
    add(hiddenBytes, nowNs, bytes);
  }

  private void add(AtomicLong counter, long nowNs, int bytes) {
    if (totalBytes() == 0) {
      firstByteNs.setRelease(nowNs);
    }
    counter.setRelease(counter.getPlain() + bytes);
    lastByteNs.setRelease(nowNs);
    arrivals.add(nowNs, totalBytes());
  }

  /** The transfer went on over a new connection; so much of it need not come again. */
  void resumed(long bytesThere) {
    resumes.incrementAndGet();
    savedBytes.setRelease(bytesThere);
  }

  /** A message was dropped because its digest was wrong. */
  void spoiled() {
    spoiled.incrementAndGet();
  }

  /** It ended before all was there. */
  void failed(TransferFault why) {
    fault = why;
  }

  /** Payload bytes so far, repeats included, for any thread. */
  long receivedBytes() {
    return kvBytes.getAcquire() + hiddenBytes.getAcquire();
  }

  /** The same for the stream thread. */
  long totalBytes() {
    return kvBytes.getPlain() + hiddenBytes.getPlain();
  }

  /** Everything has arrived; the moments of the sender's compute are on our clock already. */
  void complete(long computeStartNs, long computeEndNs, long clockErrorNs) {
    complete =
        report(arrivals.bytesUntil(computeEndNs), computeStartNs, computeEndNs, clockErrorNs);
  }

  /** What was measured; before the end, as if the sender still computed. */
  TransferReport report() {
    TransferReport known = complete;
    return known != null ? known : report(receivedBytes(), 0, 0, 0);
  }

  private TransferReport report(
      long bytesBeforeComputeEnd, long startNs, long endNs, long clockErrorNs) {
    return new TransferReport(
        kvBytes.getAcquire(),
        hiddenBytes.getAcquire(),
        bytesBeforeComputeEnd,
        orderedNs.getAcquire(),
        startNs,
        endNs,
        firstByteNs.getAcquire(),
        lastByteNs.getAcquire(),
        clockErrorNs,
        resumes.get(),
        savedBytes.getAcquire(),
        spoiled.get(),
        fault);
  }
}
