package dev.baton.bench.stream;

import dev.baton.bench.report.WrongResult;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * The JDK's own AES-256-GCM on messages of one size, direct buffer to direct buffer, a new nonce
 * for each message; encryption and decryption each alone, on one thread.
 */
final class AesGcm {
  private static final int TAG_BYTES = 16;
  private static final int NONCE_BYTES = 12;

  /** Messages that are kept. */
  static final int BATCH = 32;

  private final SecretKeySpec key = new SecretKeySpec(new byte[32], "AES");
  private final ByteBuffer nonce = ByteBuffer.allocate(NONCE_BYTES);
  private final ByteBuffer plain;
  private final ByteBuffer[] sealed = new ByteBuffer[BATCH];
  private final byte[][] nonces = new byte[BATCH][];
  private final ByteBuffer opened;
  private final Cipher cipher;
  private long counter;

  AesGcm(int messageBytes) throws GeneralSecurityException {
    this.cipher = Cipher.getInstance("AES/GCM/NoPadding");
    this.plain = ByteBuffer.allocateDirect(messageBytes);
    for (int i = 0; i < messageBytes; i++) {
      plain.put(i, (byte) (i * 31));
    }
    this.opened = ByteBuffer.allocateDirect(messageBytes + TAG_BYTES);
    for (int i = 0; i < BATCH; i++) {
      sealed[i] = ByteBuffer.allocateDirect(messageBytes + TAG_BYTES);
    }
  }

  /**
   * Rates of one round.
   *
   * @param encrypt MB/s
   * @param decrypt MB/s
   */
  record Rates(double encrypt, double decrypt) {}

  /**
   * Encrypts and decrypts for about {@code ns}.
   *
   * @throws WrongResult when what comes back is not what went in
   */
  Rates round(long ns) throws GeneralSecurityException {
    long encryptNs = 0;
    long decryptNs = 0;
    long bytes = 0;
    do {
      long startNs = System.nanoTime();
      for (int i = 0; i < BATCH; i++) {
        seal(i);
      }
      long middleNs = System.nanoTime();
      for (int i = 0; i < BATCH; i++) {
        open(i);
      }
      long endNs = System.nanoTime();
      encryptNs += middleNs - startNs;
      decryptNs += endNs - middleNs;
      bytes += (long) BATCH * plain.capacity();
    } while (encryptNs + decryptNs < ns);
    if (!opened.flip().equals(plain.rewind())) {
      throw new WrongResult("AES-GCM did not give back what it was given");
    }
    return new Rates(bytes * 1e3 / encryptNs, bytes * 1e3 / decryptNs);
  }

  /** Encrypts into message {@code i} of {@link #BATCH}. */
  void seal(int i) throws GeneralSecurityException {
    nonces[i] = nonce.putLong(4, ++counter).array().clone();
    cipher.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(8 * TAG_BYTES, nonces[i]));
    cipher.doFinal(plain.rewind(), sealed[i].clear());
  }

  /** Decrypts message {@code i}, which was sealed before. */
  void open(int i) throws GeneralSecurityException {
    cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(8 * TAG_BYTES, nonces[i]));
    cipher.doFinal(sealed[i].rewind(), opened.clear());
  }
}
