package dev.baton.kvstream.seal;

import dev.baton.kvstream.message.MalformedMessage;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.spec.NamedParameterSpec;
import java.security.spec.XECPrivateKeySpec;
import java.security.spec.XECPublicKeySpec;
import javax.crypto.KeyAgreement;

/**
 * A node's half of one handshake's key agreement, X25519, gone when the handshake is over: so what
 * was said cannot be read by who gets the cluster key later. One thread. Source: RFC 7748.
 */
public final class EphemeralKey {
  static final int BYTES = 32;

  private static final String ALGORITHM = "X25519";
  private static final BigInteger BASE_POINT = BigInteger.valueOf(9);

  private final PrivateKey own;

  /**
   * @param scalar 32 fresh random bytes
   */
  public EphemeralKey(byte[] scalar) {
    try {
      own =
          KeyFactory.getInstance(ALGORITHM)
              .generatePrivate(new XECPrivateKeySpec(NamedParameterSpec.X25519, scalar));
    } catch (GeneralSecurityException e) {
      throw missing(e);
    }
  }

  /** What the peer is told, 32 bytes. */
  public byte[] publicBytes() {
    try {
      return times(BASE_POINT);
    } catch (InvalidKeyException e) {
      throw missing(e);
    }
  }

  /**
   * What both know and nobody else, 32 bytes.
   *
   * @param peer what the peer told
   * @throws MalformedMessage when that is no key that anything secret can come of
   */
  public byte[] agreed(byte[] peer) {
    byte[] bigEndian = new byte[BYTES];
    for (int i = 0; i < BYTES; i++) {
      bigEndian[i] = peer[BYTES - 1 - i];
    }
    bigEndian[0] &= 0x7f; // RFC 7748, section 5: the last bit is masked
    try {
      return times(new BigInteger(1, bigEndian));
    } catch (InvalidKeyException e) {
      throw new MalformedMessage("a greeting with a worthless key");
    }
  }

  private byte[] times(BigInteger point) throws InvalidKeyException {
    try {
      PublicKey other =
          KeyFactory.getInstance(ALGORITHM)
              .generatePublic(new XECPublicKeySpec(NamedParameterSpec.X25519, point));
      KeyAgreement agreement = KeyAgreement.getInstance(ALGORITHM);
      agreement.init(own);
      agreement.doPhase(other, true);
      return agreement.generateSecret();
    } catch (InvalidKeyException e) {
      throw e;
    } catch (GeneralSecurityException e) {
      throw missing(e);
    }
  }

  private static IllegalStateException missing(GeneralSecurityException cause) {
    return new IllegalStateException("this JVM has no X25519", cause);
  }
}
