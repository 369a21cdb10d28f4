package dev.baton.kvstream.session;

import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.seal.MessageSealer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A KV stream that keeps what is sent as short lines, or takes nothing. */
public final class RecordingKv implements KvStream {
  public final List<String> sent = new ArrayList<>();
  public final List<Long> digests = new ArrayList<>();
  public boolean taking = true;
  public boolean opened;
  public boolean closed;
  public boolean sealed;
  public int tokensPerSlice = 4;

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
  public int unitsPerSlice(int unitBytes) {
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
    String state = rows.state == 0 ? "" : "." + rows.state;
    String at = rows.position == 0 ? "" : "@" + rows.position;
    return send("kv " + rows.layer + state + ":" + rows.first + "+" + rows.count + at);
  }

  @Override
  public boolean sendHidden(SliceHeader rows, MemorySegment src, long offset, int rowBytes) {
    return send("hidden " + rows.first + "+" + rows.count);
  }

  @Override
  public boolean sendLayerDigest(SliceHeader whole, long digest) {
    digests.add(digest);
    String state = whole.state == 0 ? "" : "." + whole.state;
    String at = whole.position == 0 ? "" : "@" + whole.position;
    return send("digest " + whole.layer + state + " of " + whole.count + at);
  }

  @Override
  public boolean sendDone(
      long sessionId, long computeStartNs, long computeEndNs, int hiddenRows, long hiddenDigest) {
    digests.add(hiddenDigest);
    return send("done " + hiddenRows);
  }
}
