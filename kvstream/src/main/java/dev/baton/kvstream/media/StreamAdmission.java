package dev.baton.kvstream.media;

import io.aeron.protocol.SetupFlyweight;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.Arrays;
import org.agrona.DirectBuffer;
import org.agrona.collections.Hashing;
import org.agrona.collections.Long2ObjectHashMap;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Which streams from which sources are let in: those whose source has sent back a cookie, so that
 * it receives what is sent to its address. Until then a source costs no memory, and is sent no more
 * than it sends. The cookie says which stream and source it is for, by a keyed hash; nothing is
 * remembered of who was given one. Receiver's thread only.
 */
final class StreamAdmission {
  /** Streams let in that are remembered; one that is forgotten is asked for a cookie again. */
  private static final int MAX_STREAMS = 4096;

  /** The last setups that were answered by a cookie: spared are 100 ms until the next. */
  private static final int KEPT_SETUPS = 64; // a power of two

  private final long key0;
  private final long key1;
  private final Long2ObjectHashMap<InetSocketAddress> admitted = new Long2ObjectHashMap<>();
  private final long[] order = new long[MAX_STREAMS];
  private int count;
  private long lastStream;
  private @Nullable InetSocketAddress lastSource;
  private final @Nullable InetSocketAddress[] keptSources = new InetSocketAddress[KEPT_SETUPS];
  private final long[] keptStreams = new long[KEPT_SETUPS];
  private final byte[][] keptSetups = new byte[KEPT_SETUPS][];

  StreamAdmission() {
    SecureRandom random = new SecureRandom();
    this.key0 = random.nextLong();
    this.key1 = random.nextLong();
  }

  /** True for a stream that was let in. */
  boolean isAdmitted(int session, int stream, InetSocketAddress source) {
    long id = Hashing.compoundKey(session, stream);
    if (id == lastStream && source.equals(lastSource)) {
      return true;
    }
    InetSocketAddress known = admitted.get(id);
    boolean isAdmitted = known != null && known.equals(source);
    if (isAdmitted) {
      lastStream = id;
      lastSource = source;
    }
    return isAdmitted;
  }

  /** Lets a stream in. */
  void admit(int session, int stream, InetSocketAddress source) {
    long id = Hashing.compoundKey(session, stream);
    lastSource = null;
    if (admitted.put(id, source) == null) {
      int place = count++ % MAX_STREAMS;
      if (count > MAX_STREAMS) {
        admitted.remove(order[place]);
      }
      order[place] = id;
    }
  }

  /** What the source of a stream has to send back. */
  long cookie(int session, int stream, InetSocketAddress source) {
    InetAddress address = source.getAddress();
    byte[] bytes = address.getAddress();
    SipHash hash = new SipHash(key0, key1);
    for (int at = 0; at < bytes.length; at += Integer.BYTES) {
      hash.add(new UnsafeBuffer(bytes).getInt(at));
    }
    hash.add(Hashing.compoundKey(session, stream));
    hash.add(source.getPort());
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
