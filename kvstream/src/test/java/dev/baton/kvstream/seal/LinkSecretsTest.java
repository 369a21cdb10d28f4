package dev.baton.kvstream.seal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.message.MalformedMessage;
import dev.baton.kvstream.seal.LinkSecrets.Direction;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class LinkSecretsTest {
  private static final int PROOF_AT = 8;

  private final ClusterKey key = ClusterKey.parse("11".repeat(32));
  private final byte[] decodeNonce = filled(32, 2);
  private final byte[] prefillNonce = filled(32, 3);
  private final byte[] transcript = filled(32, 4);
  private final byte[] agreed = filled(32, 5);

  @Test
  void shouldDeriveWhatTheRfcsFirstTestCaseDerives() {
    // RFC 5869, A.1.
    HexFormat hex = HexFormat.of();
    SecretKey prk =
        LinkSecrets.extract(hex.parseHex("000102030405060708090a0b0c"), filled(22, 0x0b));
    assertEquals(
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        hex.formatHex(prk.getEncoded()));
    assertEquals(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        hex.formatHex(LinkSecrets.expand(prk, hex.parseHex("f0f1f2f3f4f5f6f7f8f9"), 42)));
  }

  @Test
  void shouldProveAsTheTableSays() throws Exception {
    // HKDF written out with HMAC alone, so that a second node can be built from the description.
    byte[] salt = ByteBuffer.allocate(64).put(decodeNonce).put(prefillNonce).array();
    byte[] material = ByteBuffer.allocate(64).put(key.bytes()).put(agreed).array();
    byte[] prk = hmac(salt, material);
    byte[] label = "baton v3 proof prefill".getBytes("US-ASCII");
    byte[] info =
        ByteBuffer.allocate(label.length + 33).put(label).put(transcript).put((byte) 1).array();
    assertArrayEquals(hmac(hmac(prk, info), transcript), secrets().prefillProof());
  }

  @Test
  void shouldAgreeAsTheRfcsExamplesAgree() {
    // RFC 7748, 5.2 and 6.1.
    HexFormat hex = HexFormat.of();
    EphemeralKey first =
        new EphemeralKey(
            hex.parseHex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"));
    assertEquals(
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        hex.formatHex(
            first.agreed(
                hex.parseHex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))));
    EphemeralKey bob =
        new EphemeralKey(
            hex.parseHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    assertEquals(
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        hex.formatHex(bob.publicBytes()));
    assertArrayEquals(first.agreed(bob.publicBytes()), bob.agreed(first.publicBytes()));
    assertThrows(MalformedMessage.class, () -> bob.agreed(new byte[32]), "a point of order 1");
  }

  @Test
  void shouldTakeTheProofOfTheOtherRoleOnly() {
    LinkSecrets decode = secrets();
    LinkSecrets prefill = secrets();
    assertTrue(decode.isPrefillProof(prefill.prefillProof()));
    assertTrue(prefill.isDecodeProof(decode.decodeProof()));
    // What a stranger could send back.
    assertFalse(prefill.isDecodeProof(prefill.prefillProof()));
    assertFalse(decode.isPrefillProof(decode.decodeProof()));
    assertFalse(prefill.isDecodeProof(new byte[32]));
    assertFalse(prefill.isDecodeProof(new byte[0]));
    assertFalse(prefill.isDecodeProof(Arrays.copyOf(decode.decodeProof(), 31)));
  }

  @Test
  void shouldRefuseAProofWithAnyBitChanged() {
    LinkSecrets secrets = secrets();
    for (int bit = 0; bit < 256; bit++) {
      byte[] decode = secrets.decodeProof();
      decode[bit / 8] ^= (byte) (1 << bit % 8);
      assertFalse(secrets.isDecodeProof(decode));
      byte[] prefill = secrets.prefillProof();
      prefill[bit / 8] ^= (byte) (1 << bit % 8);
      assertFalse(secrets.isPrefillProof(prefill));
    }
  }

  @Test
  void shouldProveSomethingElseWithAnotherKeyNonceOrTranscript() {
    Set<String> proofs = new HashSet<>();
    byte[] other = filled(32, 9);
    for (LinkSecrets secrets :
        new LinkSecrets[] {
          secrets(),
          derive(ClusterKey.parse("12".repeat(32)), decodeNonce, prefillNonce, transcript),
          derive(key, other, prefillNonce, transcript),
          derive(key, decodeNonce, other, transcript),
          derive(key, prefillNonce, decodeNonce, transcript),
          derive(key, decodeNonce, prefillNonce, other),
          LinkSecrets.derive(
              key, other, new LinkSecrets.Nonces(decodeNonce, prefillNonce), transcript),
        }) {
      assertTrue(proofs.add(HexFormat.of().formatHex(secrets.prefillProof())));
      assertTrue(proofs.add(HexFormat.of().formatHex(secrets.decodeProof())));
    }
  }

  @Test
  void shouldSealEveryDirectionAndEveryLinkWithItsOwnKey() {
    UnsafeBuffer message = new UnsafeBuffer(new byte[64]);
    Set<String> sealed = new HashSet<>();
    byte[] other = filled(32, 9);
    for (Direction direction : Direction.values()) {
      for (LinkSecrets secrets :
          new LinkSecrets[] {
            secrets(),
            derive(key, other, prefillNonce, transcript),
            derive(key, decodeNonce, other, transcript),
            derive(key, decodeNonce, prefillNonce, other),
          }) {
        byte[] bytes = new byte[64 + SealedMessage.OVERHEAD_BYTES];
        secrets.sealer(direction).seal(message, 0, 64, new UnsafeBuffer(bytes), 0);
        assertTrue(sealed.add(HexFormat.of().formatHex(bytes)));
      }
    }
  }

  @Test
  void shouldOpenOnlyWithTheKeyOfTheSameDirectionAndLink() {
    UnsafeBuffer message = new UnsafeBuffer(new byte[64]);
    UnsafeBuffer sealed = new UnsafeBuffer(new byte[64 + SealedMessage.OVERHEAD_BYTES]);
    LinkSecrets sender = secrets();
    for (Direction direction : Direction.values()) {
      int length = sender.sealer(direction).seal(message, 0, 64, sealed, 0);
      for (Direction expected : Direction.values()) {
        MessageOpener opener = secrets().opener(expected);
        if (expected == direction) {
          assertEquals(64, opener.open(sealed, 0, length, message, 0));
        } else {
          assertThrows(MalformedMessage.class, () -> opener.open(sealed, 0, length, message, 0));
        }
      }
      MessageOpener stranger =
          derive(ClusterKey.parse("12".repeat(32)), decodeNonce, prefillNonce, transcript)
              .opener(direction);
      assertThrows(MalformedMessage.class, () -> stranger.open(sealed, 0, length, message, 0));
    }
  }

  @Test
  void shouldGiveOneSealerOfADirection() {
    LinkSecrets secrets = secrets();
    secrets.sealer(Direction.KV_FROM_PREFILL);
    secrets.sealer(Direction.CONTROL_FROM_PREFILL);
    assertThrows(IllegalStateException.class, () -> secrets.sealer(Direction.KV_FROM_PREFILL));
  }

  @Test
  void shouldCountTheProofInTheTranscriptAsZeros() throws Exception {
    UnsafeBuffer hello = message(20);
    UnsafeBuffer reply = message(50);
    byte[] before = LinkSecrets.transcript(hello, reply, PROOF_AT);
    reply.putBytes(PROOF_AT, filled(32, 77));
    assertArrayEquals(before, LinkSecrets.transcript(hello, reply, PROOF_AT));
    assertEquals(77, reply.getByte(PROOF_AT));
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    digest.update(new byte[] {20, 0, 0, 0});
    digest.update(hello.byteArray());
    digest.update(new byte[] {50, 0, 0, 0});
    reply.putBytes(PROOF_AT, new byte[32]);
    digest.update(reply.byteArray());
    assertArrayEquals(digest.digest(), before);
  }

  @Test
  void shouldChangeTheTranscriptWithEveryOtherByteAndWithTheLengths() {
    UnsafeBuffer hello = message(20);
    UnsafeBuffer reply = message(50);
    Set<String> seen = new HashSet<>();
    assertTrue(seen.add(transcriptText(hello, reply)));
    for (int i = 0; i < 20; i++) {
      hello.putByte(i, (byte) ~hello.getByte(i));
      assertTrue(seen.add(transcriptText(hello, reply)));
      hello.putByte(i, (byte) ~hello.getByte(i));
    }
    for (int i = 0; i < 50; i++) {
      reply.putByte(i, (byte) ~reply.getByte(i));
      assertEquals(i < PROOF_AT || i >= PROOF_AT + 32, seen.add(transcriptText(hello, reply)));
      reply.putByte(i, (byte) ~reply.getByte(i));
    }
    UnsafeBuffer zeros = new UnsafeBuffer(new byte[51]);
    UnsafeBuffer fewer = new UnsafeBuffer(new byte[50]);
    assertFalse(transcriptText(fewer, zeros).equals(transcriptText(zeros, fewer)));
  }

  private String transcriptText(UnsafeBuffer hello, UnsafeBuffer reply) {
    return HexFormat.of().formatHex(LinkSecrets.transcript(hello, reply, PROOF_AT));
  }

  private LinkSecrets derive(ClusterKey with, byte[] decode, byte[] prefill, byte[] said) {
    return LinkSecrets.derive(with, agreed, new LinkSecrets.Nonces(decode, prefill), said);
  }

  private LinkSecrets secrets() {
    return derive(key, decodeNonce, prefillNonce, transcript);
  }

  private static UnsafeBuffer message(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (i + 1);
    }
    return new UnsafeBuffer(bytes);
  }

  private static byte[] filled(int length, int value) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static byte[] hmac(byte[] key, byte[] message) throws Exception {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    return mac.doFinal(message);
  }
}
