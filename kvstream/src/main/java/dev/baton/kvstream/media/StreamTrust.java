package dev.baton.kvstream.media;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.SecureRandom;
import org.agrona.collections.Hashing;
import org.agrona.collections.LongHashSet;

/**
 * Whom a driver's endpoints know: those that share a secret, shown by a tag for each cookie, and
 * the streams that its node vouches for. All others are strangers, whose streams get few places and
 * whose requests get few bytes. Any thread.
 */
public final class StreamTrust {
  /** Length of the secret. */
  public static final int SECRET_BYTES = 16;

  private final long key0;
  private final long key1;
  private final LongHashSet vouched = new LongHashSet(); // guarded by itself
  private final LongHashSet answers = new LongHashSet(); // guarded by itself

  /**
   * @param secret {@value #SECRET_BYTES} bytes that only those know who are no strangers
   */
  public StreamTrust(byte[] secret) {
    if (secret.length != SECRET_BYTES) {
      throw new IllegalArgumentException("a secret of " + secret.length + " bytes");
    }
    ByteBuffer words = ByteBuffer.wrap(secret).order(ByteOrder.LITTLE_ENDIAN);
    this.key0 = words.getLong();
    this.key1 = words.getLong();
  }

  /** Knows nobody but the streams that are vouched for. */
  public static StreamTrust ofNobody() {
    byte[] secret = new byte[SECRET_BYTES];
    new SecureRandom().nextBytes(secret);
    return new StreamTrust(secret);
  }

  /** What shows, together with a cookie, that the sender of a stream has the secret. */
  long tag(long cookie, int session, int stream) {
    SipHash hash = new SipHash(key0, key1);
    hash.add(cookie);
    hash.add(Hashing.compoundKey(session, stream));
    return hash.value();
  }

  /** The node knows who sends this stream, or expects it. */
  public void vouchFor(int session, int stream) {
    synchronized (vouched) {
      vouched.add(Hashing.compoundKey(session, stream));
    }
  }

  /** The node does not care for this stream any more. */
  public void forget(int session, int stream) {
    synchronized (vouched) {
      vouched.remove(Hashing.compoundKey(session, stream));
    }
  }

  boolean vouchesFor(int session, int stream) {
    synchronized (vouched) {
      return vouched.contains(Hashing.compoundKey(session, stream));
    }
  }

  /** A stream that the node opens because somebody asked it to: its receiver may know nothing. */
  public void answer(int session, int stream) {
    synchronized (answers) {
      answers.add(Hashing.compoundKey(session, stream));
    }
  }

  /** True once for a stream that is an answer. */
  boolean takeAnswer(int session, int stream) {
    synchronized (answers) {
      return answers.remove(Hashing.compoundKey(session, stream));
    }
  }
}
