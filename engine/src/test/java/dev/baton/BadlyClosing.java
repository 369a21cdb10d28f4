package dev.baton;

import dev.baton.fault.FaultyModel;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.TransferTrace;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A receiver that throws when it has been closed. */
record BadlyClosing(KvReceiver receiver, @Nullable Throwable fault) implements KvReceiver {
  @Override
  public State state() {
    return receiver.state();
  }

  @Override
  public @Nullable String failure() {
    return receiver.failure();
  }

  @Override
  public boolean isLayerWhole(int layer) {
    return receiver.isLayerWhole(layer);
  }

  @Override
  public int coveredTokens() {
    return receiver.coveredTokens();
  }

  @Override
  public int hiddenTokens() {
    return receiver.hiddenTokens();
  }

  @Override
  public void copyHidden(int firstToken, int tokens, MemorySegment dst, long dstOffset) {
    receiver.copyHidden(firstToken, tokens, dst, dstOffset);
  }

  @Override
  public void hiddenTaken(int endToken) {
    receiver.hiddenTaken(endToken);
  }

  @Override
  public long receivedBytes() {
    return receiver.receivedBytes();
  }

  @Override
  public long orderedBytes() {
    return receiver.orderedBytes();
  }

  @Override
  public TransferReport report() {
    return receiver.report();
  }

  @Override
  public @Nullable TransferTrace trace() {
    return receiver.trace();
  }

  @Override
  public void close() {
    receiver.close();
    if (fault != null) {
      FaultyModel.<RuntimeException>sneak(fault);
    }
  }
}
