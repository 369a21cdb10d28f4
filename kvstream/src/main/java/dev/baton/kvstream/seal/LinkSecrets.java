package dev.baton.kvstream.seal;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.baton.kvstream.ClusterKey;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.EnumSet;
import java.util.Set;
import javax.crypto.KDF;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.HKDFParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.agrona.DirectBuffer;

/**
 * What two nodes with the same cluster key, and nobody else, know about one link: the proofs that
 * each has the key, and a key for each direction. Both nodes make an {@link EphemeralKey} for it,
 * so that no key is ever used for two links, whatever restarts, and none follows from the cluster
 * key alone.
 *
 * {@snippet lang=text :
 * transcript = SHA-256(length ‖ Hello ‖ length ‖ HelloReply, its proof zero)   (lengths: uint32 LE)
 * PRK        = HKDF-Extract(salt = decode node's public key ‖ prefill node's, cluster key ‖ agreed)
 * key        = HKDF-Expand(PRK, label ‖ transcript, 32 bytes)
 * proof      = HMAC-SHA256(key of the node's own label, transcript)
 * }
 *
 * <p>One thread at a time. Source: RFC 5869 (HKDF with SHA-256).
 */
public final class LinkSecrets {
  /** What each side tells of its ephemeral key. */
  public static final int NONCE_BYTES = 32;

  /** What each side proves the cluster key with. */
  public static final int PROOF_BYTES = 32;

  private static final int KEY_BYTES = 32;
  private static final String PREFILL_PROOF = "baton v3 proof prefill";
  private static final String ADMISSION = "baton v3 admission";
  private static final String DECODE_PROOF = "baton v3 proof decode";

  /**
   * What the nodes told of their ephemeral keys.
   *
   * @param decode 32 bytes of the Hello
   * @param prefill 32 bytes of the HelloReply
   */
  public record Nonces(byte[] decode, byte[] prefill) {
    public Nonces {
      if (decode.length != NONCE_BYTES || prefill.length != NONCE_BYTES) {
        throw new IllegalArgumentException(
            "nonces of " + decode.length + " and " + prefill.length + " bytes");
      }
    }
  }

  /** A stream of one link; each has a key of its own. */
  public enum Direction {
    CONTROL_FROM_DECODE("baton v3 control decode"),
    CONTROL_FROM_PREFILL("baton v3 control prefill"),
    KV_FROM_PREFILL("baton v3 kv prefill");

    private final String label;

    Direction(String label) {
      this.label = label;
    }
  }

  private final SecretKey prk;
  private final byte[] transcript;
  private final Set<Direction> sealing = EnumSet.noneOf(Direction.class);

  private LinkSecrets(SecretKey prk, byte[] transcript) {
    this.prk = prk;
    this.transcript = transcript;
  }

  /** A nonce for one handshake. */
  public static byte[] nonce(SecureRandom random) {
    byte[] nonce = new byte[NONCE_BYTES];
    random.nextBytes(nonce);
    return nonce;
  }

  /**
   * The digest of what was said before the proofs.
   *
   * @param hello the whole Hello as it was sent
   * @param reply the whole HelloReply as it was sent
   * @param proofOffset where the 32 bytes of the prefill node's proof lie in the reply; they count
   *     as zeros
   */
  public static byte[] transcript(DirectBuffer hello, DirectBuffer reply, int proofOffset) {
    byte[] said = new byte[reply.capacity()];
    reply.getBytes(0, said);
    ByteBuffer.wrap(said).put(proofOffset, new byte[PROOF_BYTES]);
    byte[] asked = new byte[hello.capacity()];
    hello.getBytes(0, asked);
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (byte[] message : new byte[][] {asked, said}) {
        digest.update(length(message));
        digest.update(message);
      }
      return digest.digest();
    } catch (GeneralSecurityException e) {
      throw missing("SHA-256", e);
    }
  }

  private static byte[] length(byte[] message) {
    return ByteBuffer.allocate(Integer.BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(message.length)
        .array();
  }

  /**
   * The secrets of the link whose nodes sent these nonces, agreed on so many bytes ({@link
   * EphemeralKey#agreed}), and whose greeting has this {@link #transcript}.
   */
  public static LinkSecrets derive(
      ClusterKey key, byte[] agreed, Nonces nonces, byte[] transcript) {
    byte[] salt = joined(nonces.decode(), nonces.prefill());
    return new LinkSecrets(extract(salt, joined(key.bytes(), agreed)), transcript.clone());
  }

  private static byte[] joined(byte[] first, byte[] second) {
    return ByteBuffer.allocate(first.length + second.length).put(first).put(second).array();
  }

  /**
   * What shows a media driver that a stream's sender has the cluster key, before anything is heard
   * from it.
   */
  public static byte[] admission(ClusterKey key, int lengthBytes) {
    return expand(
        extract(new byte[NONCE_BYTES], key.bytes()), ADMISSION.getBytes(US_ASCII), lengthBytes);
  }

  /** What the prefill node sends, 32 bytes. */
  public byte[] prefillProof() {
    return proof(PREFILL_PROOF);
  }

  /** What the decode node sends, 32 bytes. */
  public byte[] decodeProof() {
    return proof(DECODE_PROOF);
  }

  /** Takes the same time wherever a wrong proof differs. */
  public boolean isPrefillProof(byte[] candidate) {
    return MessageDigest.isEqual(prefillProof(), candidate);
  }

  /** Takes the same time wherever a wrong proof differs. */
  public boolean isDecodeProof(byte[] candidate) {
    return MessageDigest.isEqual(decodeProof(), candidate);
  }

  /**
   * The sealer of the direction that this node sends in. There is only one: two would use the same
   * nonces.
   *
   * @throws IllegalStateException when it was taken already
   */
  public MessageSealer sealer(Direction direction) {
    if (!sealing.add(direction)) {
      throw new IllegalStateException("a second sealer for " + direction);
    }
    return new MessageSealer(messageKey(direction));
  }

  /** The opener of a direction that the peer sends in; what is missed of KV comes again. */
  public MessageOpener opener(Direction direction) {
    return new MessageOpener(messageKey(direction), direction == Direction.KV_FROM_PREFILL);
  }

  private SecretKey messageKey(Direction direction) {
    return new SecretKeySpec(expand(prk, info(direction.label), KEY_BYTES), "AES");
  }

  private byte[] proof(String label) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(expand(prk, info(label), KEY_BYTES), "HmacSHA256"));
      return mac.doFinal(transcript);
    } catch (GeneralSecurityException e) {
      throw missing("HMAC-SHA256", e);
    }
  }

  private byte[] info(String label) {
    byte[] name = label.getBytes(US_ASCII);
    return ByteBuffer.allocate(name.length + transcript.length).put(name).put(transcript).array();
  }

  /** HKDF-Extract with SHA-256. */
  static SecretKey extract(byte[] salt, byte[] keyMaterial) {
    try {
      return hkdf()
          .deriveKey(
              "Generic",
              HKDFParameterSpec.ofExtract().addSalt(salt).addIKM(keyMaterial).extractOnly());
    } catch (GeneralSecurityException e) {
      throw missing("HKDF-SHA256", e);
    }
  }

  /** HKDF-Expand with SHA-256. */
  static byte[] expand(SecretKey prk, byte[] info, int lengthBytes) {
    try {
      return hkdf().deriveData(HKDFParameterSpec.expandOnly(prk, info, lengthBytes));
    } catch (GeneralSecurityException e) {
      throw missing("HKDF-SHA256", e);
    }
  }

  private static KDF hkdf() throws GeneralSecurityException {
    return KDF.getInstance("HKDF-SHA256");
  }

  private static IllegalStateException missing(String algorithm, GeneralSecurityException cause) {
    return new IllegalStateException("this JVM has no " + algorithm, cause);
  }
}
