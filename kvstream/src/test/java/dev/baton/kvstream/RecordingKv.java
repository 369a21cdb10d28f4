package dev.baton.kvstream;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A KV stream that keeps what is sent as short lines, or takes nothing. */
final class RecordingKv implements KvStream {
  final List<String> sent = new ArrayList<>();
  final List<Long> digests = new ArrayList<>();
  boolean taking = true;
  boolean opened;
  boolean closed;
  boolean sealed;
  int tokensPerSlice = 4;

  private boolean send(String line) {
    if (taking) {
      sent.add(line);
    }
    return taking;
  }

  @Override
  public void open() {
    opened = true;
  }

  @Override
  public boolean isReady() {
    return true;
  }

  @Override
  public int streamSession() {
    return 44;
  }

  @Override
  public boolean isBroken() {
    return false;
  }

  @Override
  public String trouble() {
    return "none";
  }

  @Override
  public void close() {
    closed = true;
  }

  @Override
  public void seal(MessageSealer with) {
    sealed = true;
  }

  @Override
  public int tokensPerSlice(int tokenBytes) {
    return tokensPerSlice;
  }

  @Override
  public int rowsPerMessage(int rowBytes) {
    return tokensPerSlice;
  }

  @Override
  public long lastDigest() {
    return 1;
  }

  @Override
  public boolean sendSlice(SliceHeader rows, KvSource source, int payloadBytes) {
    return send("kv " + rows.layer + ":" + rows.firstToken + "+" + rows.tokens);
  }

  @Override
  public boolean sendHidden(SliceHeader rows, MemorySegment src, long offset, int rowBytes) {
    return send("hidden " + rows.firstToken + "+" + rows.tokens);
  }

  @Override
  public boolean sendLayerDigest(long sessionId, int layer, int tokens, long digest) {
    digests.add(digest);
    return send("digest " + layer + " of " + tokens);
  }

  @Override
  public boolean sendDone(
      long sessionId, long computeStartNs, long computeEndNs, int hiddenRows, long hiddenDigest) {
    digests.add(hiddenDigest);
    return send("done " + hiddenRows);
  }
}
