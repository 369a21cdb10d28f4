package dev.baton.kvstream.seal;

import dev.baton.kvstream.codec.MessageHeaderEncoder;
import dev.baton.kvstream.codec.SealedEncoder;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.spec.AlgorithmParameterSpec;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;

/**
 * How a sealed message lies on the wire:
 *
 * {@snippet lang=text :
 * 0   SBE header, template 30, block of 8 bytes
 * 8   counter, int64 little-endian: 0 for a key's first message, then one more for each
 * 16  the whole inner message, AES-256-GCM
 * end - 16  GCM's tag, which covers the first 16 bytes too
 * }
 *
 * <p>GCM's nonce is 4 zero bytes and the counter, big-endian: every key seals in one direction of
 * one link, so none comes twice. A petabyte under one key leaves GCM's bound at 2^-37.
 *
 * <p>Source: NIST SP 800-38D, 8.2.1 (deterministic nonces).
 */
public final class SealedMessage {
  static final int HEADER_BYTES = MessageHeaderEncoder.ENCODED_LENGTH + SealedEncoder.BLOCK_LENGTH;
  static final int TAG_BYTES = 16;

  /** How much longer a message is when it is sealed. */
  public static final int OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES;

  private static final int NONCE_BYTES = 12;

  private SealedMessage() {}

  static Cipher cipher() {
    try {
      return Cipher.getInstance("AES/GCM/NoPadding");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this JVM has no AES-GCM", e);
    }
  }

  static AlgorithmParameterSpec nonce(long counter) {
    byte[] nonce = new byte[NONCE_BYTES];
    ByteBuffer.wrap(nonce).putLong(NONCE_BYTES - Long.BYTES, counter);
    return new GCMParameterSpec(TAG_BYTES * Byte.SIZE, nonce);
  }
}
