package dev.baton.kvstream.media;

import java.net.InetSocketAddress;

/**
 * A stream that was let in. A stranger's holds a place, with so many bytes of files, for as long as
 * something comes and a while after, and is sent no more bytes than come. Receiver's thread only.
 */
final class AdmittedStream {
  private final long id;
  private final InetSocketAddress source;
  private final int termBytes;
  private long inBytes;
  private long outBytes;
  private long heardNs;

  private AdmittedStream(long id, InetSocketAddress source, int termBytes) {
    this.id = id;
    this.source = source;
    this.termBytes = termBytes;
  }

  /** One whose sender has the secret, or that the node vouches for. */
  static AdmittedStream known(long id, InetSocketAddress source) {
    return new AdmittedStream(id, source, Integer.MAX_VALUE);
  }

  /** A stranger's. */
  static AdmittedStream strange(long id, InetSocketAddress source, int termBytes) {
    return new AdmittedStream(id, source, termBytes);
  }

  boolean isOf(long other, InetSocketAddress from) {
    return id == other && source.equals(from);
  }

  long id() {
    return id;
  }

  InetSocketAddress source() {
    return source;
  }

  boolean isStrange() {
    return termBytes != Integer.MAX_VALUE;
  }

  /** True for terms no longer than those its place was given for. */
  boolean takesTerms(int bytes) {
    return bytes <= termBytes;
  }

  /** Bytes of its files. */
  long fileBytes() {
    return StreamAdmission.fileBytes(termBytes);
  }

  void heard(int bytes, long nowNs) {
    inBytes += bytes;
    heardNs = nowNs;
  }

  long heardNs() {
    return heardNs;
  }

  /** True when it may be sent so many bytes, which count then. */
  boolean takeAnswer(int bytes) {
    if (!isStrange()) {
      return true;
    }
    // What answers its greeting leaves by another socket, and is set aside here.
    long aside = inBytes > StreamAdmission.GREETING_BYTES ? SetupQuota.BYTES : 0;
    if (outBytes + bytes > inBytes - aside) {
      return false;
    }
    outBytes += bytes;
    return true;
  }
}
