package dev.baton.kvstream.seal;

import dev.baton.kvstream.ClusterKey;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Has the JVM compile AES-GCM before the first KV comes. Interpreted, a message of 64 KB takes two
 * milliseconds, and the JVM compiles only after thousands of calls: without this a prompt's whole
 * KV would travel at 30 MB/s. Takes a tenth of a second of one core, once in a process, beside the
 * loading of a model.
 */
public final class CipherWarmUp {
  /** The JVM's last compiler looks at what was called 5,000 times. */
  private static final int MESSAGES = 12_000;

  /** A little more than the 512 from which the JDK takes the whole-message instructions. */
  private static final int MESSAGE_BYTES = 544;

  /** The first one takes a tenth of a second, and a handshake is waited for. */
  private static final int AGREEMENTS = 20;

  private static final AtomicBoolean BEGUN = new AtomicBoolean();

  private CipherWarmUp() {}

  /** Begins on a thread of its own, which ends by itself; once in a process. Any thread. */
  public static void begin() {
    if (BEGUN.compareAndSet(false, true)) {
      Thread.ofPlatform().daemon().name("baton-cipher-warm-up").start(CipherWarmUp::run);
    }
  }

  private static void run() {
    // Zeros are no secret; nothing of it leaves this method.
    EphemeralKey agreement = new EphemeralKey(new byte[EphemeralKey.BYTES]);
    for (int i = 0; i < AGREEMENTS; i++) {
      byte[] _ = agreement.agreed(agreement.publicBytes());
    }
    SecretKey key = new SecretKeySpec(new byte[ClusterKey.BYTES], "AES");
    MessageSealer sealer = new MessageSealer(key);
    MessageOpener opener = new MessageOpener(key);
    UnsafeBuffer message = new UnsafeBuffer(new byte[MESSAGE_BYTES + SealedMessage.OVERHEAD_BYTES]);
    for (int i = 0; i < MESSAGES; i++) {
      int length = sealer.seal(message, 0, MESSAGE_BYTES, message, 0);
      opener.open(message, 0, length, message, 0);
    }
  }
}
