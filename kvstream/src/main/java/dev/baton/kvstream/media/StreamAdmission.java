package dev.baton.kvstream.media;

import io.aeron.protocol.SetupFlyweight;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.agrona.DirectBuffer;
import org.agrona.collections.Hashing;
import org.agrona.collections.Long2ObjectHashMap;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Which streams from which sources are let in: those whose source has sent back a cookie, so that
 * it receives what is sent to its address. Until then a source costs no memory, and is sent no more
 * than it sends. The cookie says which stream and source it is for, by a keyed hash; nothing is
 * remembered of who was given one. Who has shown the secret ({@link StreamTrust}) besides is let in
 * at any rate; strangers share a few places. Receiver's thread only.
 */
final class StreamAdmission {
  /** Setup and cookie took fewer bytes than this, and a greeting more. */
  static final int GREETING_BYTES = 200;

  /** Streams let in that are remembered; one that is forgotten is asked for a cookie again. */
  private static final int MAX_STREAMS = 4096;

  /** The last setups that were answered by a cookie: spared are 100 ms until the next. */
  private static final int KEPT_SETUPS = 64; // a power of two

  /** Strangers' streams at once. */
  private static final int PLACES = 32;

  /** Those of one address. */
  private static final int PLACES_OF_AN_ADDRESS = 8;

  /**
   * What strangers' streams and the answers to them take in all: one with terms of 4 MiB fits, for
   * orders of 64 Ki tokens. In memory that maps them it counts once more.
   */
  private static final long PLACES_BYTES = 16L << 20;

  private static final int TERMS = 3;
  private static final int ANSWER_TERM_BYTES = 128 << 10;
  private static final int LOG_OVERHEAD_BYTES = 16 << 10;

  /** A cookie is good for one to two of these. */
  private static final long COOKIE_NS = 10_000_000_000L;

  private final StreamTrust trust;
  private final long placeNs;
  private final long key0;
  private final long key1;
  private final Long2ObjectHashMap<AdmittedStream> admitted = new Long2ObjectHashMap<>();
  private final List<AdmittedStream> strangers = new ArrayList<>();
  private final long[] order = new long[MAX_STREAMS];
  private final UnsafeBuffer addressBytes = new UnsafeBuffer(0, 0);
  private int count;
  private @Nullable AdmittedStream last;
  private final @Nullable InetSocketAddress[] keptSources = new InetSocketAddress[KEPT_SETUPS];
  private final long[] keptStreams = new long[KEPT_SETUPS];
  private final byte[][] keptSetups = new byte[KEPT_SETUPS][];

  /**
   * @param placeNs how long a stranger's stream has files after it was last heard
   */
  StreamAdmission(StreamTrust trust, long placeNs) {
    SecureRandom random = new SecureRandom();
    this.trust = trust;
    this.placeNs = placeNs;
    this.key0 = random.nextLong();
    this.key1 = random.nextLong();
  }

  /** A stream with such terms and the short one that answers it. */
  static long fileBytes(int termBytes) {
    return TERMS * ((long) termBytes + ANSWER_TERM_BYTES) + 2 * LOG_OVERHEAD_BYTES;
  }

  /** The stream, where it was let in. */
  @Nullable AdmittedStream find(int session, int stream, InetSocketAddress source) {
    long id = Hashing.compoundKey(session, stream);
    AdmittedStream recent = last;
    if (recent != null && recent.isOf(id, source)) {
      return recent;
    }
    AdmittedStream known = admitted.get(id);
    if (known == null || !known.isOf(id, source)) {
      return null;
    }
    last = known;
    return known;
  }

  /** True when so many bytes may be sent to the source of a stream that was let in; they count. */
  boolean takeAnswer(int session, int stream, int bytes) {
    AdmittedStream to = admitted.get(Hashing.compoundKey(session, stream));
    return to == null || to.takeAnswer(bytes);
  }

  /** Lets a stream in whose sender is known. */
  AdmittedStream admit(int session, int stream, InetSocketAddress source) {
    return add(AdmittedStream.known(Hashing.compoundKey(session, stream), source));
  }

  /** Lets a stranger's stream in, or returns null when there is no place. */
  @Nullable AdmittedStream admitStranger(
      SetupFlyweight setup, InetSocketAddress source, long nowNs) {
    long id = Hashing.compoundKey(setup.sessionId(), setup.streamId());
    AdmittedStream earlier = admitted.get(id);
    if (earlier != null && !(earlier.isStrange() && nowNs - earlier.heardNs() >= placeNs)) {
      return null; // another source's, and its image may still be there
    }
    int sameAddress = 0;
    long bytes = fileBytes(setup.termLength());
    for (int i = strangers.size() - 1; i >= 0; i--) {
      AdmittedStream other = strangers.get(i);
      if (isGone(other, nowNs)) {
        strangers.remove(i);
        continue;
      }
      bytes += other.fileBytes();
      sameAddress += other.source().getAddress().equals(source.getAddress()) ? 1 : 0;
    }
    if (strangers.size() >= PLACES || sameAddress >= PLACES_OF_AN_ADDRESS || bytes > PLACES_BYTES) {
      return null;
    }
    AdmittedStream made = AdmittedStream.strange(id, source, setup.termLength());
    strangers.add(made);
    return add(made);
  }

  /** Also when the node has got to know it meanwhile: it is no stranger's any more. */
  private boolean isGone(AdmittedStream stranger, long nowNs) {
    long id = stranger.id();
    if (nowNs - stranger.heardNs() >= placeNs) {
      admitted.remove(id, stranger);
      last = null;
      return true;
    }
    if (trust.vouchesFor((int) (id >> Integer.SIZE), (int) id)) {
      add(AdmittedStream.known(id, stranger.source()));
      return true;
    }
    return false;
  }

  private AdmittedStream add(AdmittedStream stream) {
    last = null;
    if (admitted.put(stream.id(), stream) == null) {
      int place = count++ % MAX_STREAMS;
      if (count > MAX_STREAMS) {
        admitted.remove(order[place]);
      }
      order[place] = stream.id();
    }
    return stream;
  }

  /** What the source of a stream has to send back. */
  long cookie(int session, int stream, InetSocketAddress source, long nowNs) {
    return cookieOf(session, stream, source, Math.floorDiv(nowNs, COOKIE_NS));
  }

  /** True for a cookie that was given to this source for this stream not long ago. */
  boolean isCookie(long cookie, int session, int stream, InetSocketAddress source, long nowNs) {
    long period = Math.floorDiv(nowNs, COOKIE_NS);
    return cookie == cookieOf(session, stream, source, period)
        || cookie == cookieOf(session, stream, source, period - 1);
  }

  private long cookieOf(int session, int stream, InetSocketAddress source, long period) {
    SipHash hash = new SipHash(key0, key1);
    if (source.getAddress() instanceof Inet4Address four) {
      hash.add(four.hashCode()); // all four bytes of it, and no array of them
    } else {
      addressBytes.wrap(source.getAddress().getAddress());
      hash.add(addressBytes.getLong(0));
      hash.add(addressBytes.getLong(Long.BYTES));
    }
    hash.add(Hashing.compoundKey(session, stream));
    hash.add(source.getPort());
    hash.add(period);
    return hash.value();
  }

  /** Keeps a setup whose source was sent a cookie, for when it comes back. */
  void keep(SetupFlyweight setup, InetSocketAddress source) {
    long id = Hashing.compoundKey(setup.sessionId(), setup.streamId());
    int place = place(id);
    byte[] frame = keptSetups[place];
    if (frame == null) {
      frame = new byte[SetupFlyweight.HEADER_LENGTH];
      keptSetups[place] = frame;
    }
    setup.getBytes(0, frame);
    keptStreams[place] = id;
    keptSources[place] = source;
  }

  /** The setup that was kept of a stream, once; null when later ones took its place. */
  @Nullable DirectBuffer kept(int session, int stream, InetSocketAddress source) {
    long id = Hashing.compoundKey(session, stream);
    int place = place(id);
    if (keptStreams[place] != id || !source.equals(keptSources[place])) {
      return null;
    }
    keptSources[place] = null;
    return new UnsafeBuffer(Arrays.copyOf(keptSetups[place], SetupFlyweight.HEADER_LENGTH));
  }

  private static int place(long id) {
    return Hashing.hash(id, KEPT_SETUPS - 1);
  }
}
