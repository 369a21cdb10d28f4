package dev.baton.kvstream.seal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.MalformedMessage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.SplittableRandom;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SealedMessageTest {
  private static final int ROOM = 128 * 1024;
  private static final int SMALL = 21;
  private static final int SMALL_SEALED = SMALL + SealedMessage.OVERHEAD_BYTES;

  private final SecretKey key = key(7);
  private final MessageSealer sealer = new MessageSealer(key);
  private final MessageOpener opener = new MessageOpener(key);
  private final UnsafeBuffer message = offHeap();
  private final UnsafeBuffer sealed = offHeap();
  private final UnsafeBuffer opened = offHeap();

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 15, 16, 17, 1400, 65504})
  void shouldOpenWhatWasSealed(int length) {
    for (int round = 0; round < 3; round++) {
      byte[] text = put(length, round);
      assertEquals(length + 32, sealer.seal(message, 5, length, sealed, 3));
      assertEquals(length, opener.open(sealed, 3, length + 32, opened, 9));
      assertArrayEquals(text, bytes(opened, 9, length));
    }
  }

  @Test
  void shouldSealInPlaceAndOnTheHeapAlike() {
    byte[] text = put(1000, 1);
    UnsafeBuffer same = new UnsafeBuffer(new byte[2000]);
    same.putBytes(10, text);
    int length = sealer.seal(same, 10, 1000, same, 0);
    assertEquals(1000, opener.open(same, 0, length, same, 0));
    assertArrayEquals(text, bytes(same, 0, 1000));
  }

  @Test
  void shouldLieOnTheWireAsTheTableSays() throws Exception {
    byte[] text = put(SMALL, 1);
    sealer.seal(message, 5, SMALL, sealed, 0);
    sealer.seal(message, 5, SMALL, sealed, 0);
    ByteBuffer wire = ByteBuffer.wrap(bytes(sealed, 0, SMALL_SEALED));
    wire.order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(8, wire.getShort(0));
    assertEquals(30, wire.getShort(2));
    assertEquals(17003, wire.getShort(4));
    assertEquals(1, wire.getLong(8));
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    byte[] nonce = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(128, nonce));
    cipher.updateAAD(wire.array(), 0, 16);
    assertArrayEquals(text, cipher.doFinal(wire.array(), 16, wire.capacity() - 16));
  }

  @Test
  void shouldWriteNothingPastTheSealedOrTheOpenedMessage() {
    put(SMALL, 1);
    sealed.setMemory(0, 200, (byte) 0x55);
    opened.setMemory(0, 200, (byte) 0x55);
    int length = sealer.seal(message, 5, SMALL, sealed, 8);
    assertArrayEquals(bytes(0x55, 8), bytes(sealed, 0, 8));
    assertArrayEquals(bytes(0x55, 50), bytes(sealed, 8 + length, 50));
    opener.open(sealed, 8, length, opened, 8);
    assertArrayEquals(bytes(0x55, 8), bytes(opened, 0, 8));
    assertArrayEquals(bytes(0x55, 50), bytes(opened, 8 + SMALL, 50));
  }

  @Test
  void shouldRefuseAMessageWithAnyBitChangedAndWriteNothingOfIt() {
    byte[] text = put(SMALL, 1);
    int length = sealer.seal(message, 5, SMALL, sealed, 0);
    opened.setMemory(0, SMALL, (byte) 0x55);
    for (int bit = 0; bit < length * 8; bit++) {
      flip(bit);
      assertThrows(MalformedMessage.class, () -> opener.open(sealed, 0, length, opened, 0));
      assertArrayEquals(bytes(0x55, SMALL), bytes(opened, 0, SMALL));
      flip(bit);
    }
    assertEquals(SMALL, opener.open(sealed, 0, length, opened, 0));
    assertArrayEquals(text, bytes(opened, 0, SMALL));
  }

  @Test
  void shouldRefuseAMessageThatIsCutOffOrLonger() {
    put(SMALL, 1);
    int length = sealer.seal(message, 5, SMALL, sealed, 0);
    for (int other = 0; other < length + 40; other++) {
      int wrong = other;
      if (other != length) {
        assertThrows(
            MalformedMessage.class,
            () -> opener.open(sealed, 0, wrong, opened, 0),
            () -> "" + wrong);
      }
    }
    assertEquals(SMALL, opener.open(sealed, 0, length, opened, 0));
  }

  @Test
  void shouldTakeEveryMessageOnceAndInItsOrderOnly() {
    for (int i = 0; i < 3; i++) {
      put(SMALL, i);
      sealer.seal(message, 5, SMALL, sealed, i * SMALL_SEALED);
    }
    opener.open(sealed, 0, SMALL_SEALED, opened, 0);
    assertEquals("sealed message 0 where 1 was due: it was sent again or forged", refusal(0));
    assertEquals("sealed message 2 where 1 was due: it was sent again or forged", refusal(2));
    opener.open(sealed, SMALL_SEALED, SMALL_SEALED, opened, 0);
    assertEquals("sealed message 1 where 2 was due: it was sent again or forged", refusal(1));
    opener.open(sealed, 2 * SMALL_SEALED, SMALL_SEALED, opened, 0);
  }

  @Test
  void shouldRefuseAMessageWhoseCounterAloneFits() {
    put(SMALL, 1);
    sealer.seal(message, 5, SMALL, sealed, 0);
    opener.open(sealed, 0, SMALL_SEALED, opened, 0);
    sealed.putLong(8, 1, ByteOrder.LITTLE_ENDIAN);
    assertEquals(
        "a sealed message that was changed on its way or sealed with another key", refusal(0));
  }

  @Test
  void shouldRefuseWhatAnotherKeySealed() {
    put(SMALL, 1);
    new MessageSealer(key(8)).seal(message, 5, SMALL, sealed, 0);
    assertEquals(
        "a sealed message that was changed on its way or sealed with another key", refusal(0));
  }

  @Test
  void shouldSayThatAPlainMessageCameWhereASealedOneWasDue() {
    ControlWriter writer = new ControlWriter();
    int length = writer.goodbye("a text that makes it as long as a sealed message is");
    assertEquals(
        "message 9 of version "
            + MessageHeaderDecoder.SCHEMA_VERSION
            + " where a sealed one was due",
        assertThrows(
                MalformedMessage.class, () -> opener.open(writer.buffer(), 0, length, opened, 0))
            .getMessage());
  }

  @Test
  void shouldNotCountAMessageThatHasNoRoom() {
    put(SMALL, 1);
    UnsafeBuffer narrow = new UnsafeBuffer(new byte[SMALL_SEALED - 1]);
    assertThrows(IndexOutOfBoundsException.class, () -> sealer.seal(message, 5, SMALL, narrow, 0));
    sealer.seal(message, 5, SMALL, sealed, 0);
    UnsafeBuffer narrower = new UnsafeBuffer(new byte[SMALL - 1]);
    assertThrows(
        IndexOutOfBoundsException.class, () -> opener.open(sealed, 0, SMALL_SEALED, narrower, 0));
    assertEquals(SMALL, opener.open(sealed, 0, SMALL_SEALED, opened, 0));
  }

  @Test
  void shouldNeverSealTheSameBytesAlike() {
    put(SMALL, 1);
    sealer.seal(message, 5, SMALL, sealed, 0);
    byte[] first = bytes(sealed, 16, SMALL);
    sealer.seal(message, 5, SMALL, sealed, 0);
    assertFalse(Arrays.equals(first, bytes(sealed, 16, SMALL)));
  }

  @Test
  void shouldRefuseSpoiledMessagesAndGoOnWithTheRightOne() {
    long seed = 20250714;
    SplittableRandom random = new SplittableRandom(seed);
    byte[] text = put(SMALL, 1);
    byte[] last = next();
    byte[] due = last;
    int taken = 0;
    for (int i = 0; i < 100_000; i++) {
      byte[] bytes = spoil(due, last, random);
      sealed.putBytes(0, bytes);
      try {
        opener.open(sealed, 0, bytes.length, opened, 0);
        assertArrayEquals(due, bytes, "taken, with seed " + seed + " in round " + i);
        assertArrayEquals(text, bytes(opened, 0, SMALL));
        last = due;
        due = next();
        taken++;
      } catch (MalformedMessage e) {
        boolean right = Arrays.equals(due, bytes);
        assertFalse(right, "refused, with seed " + seed + " in round " + i + ": " + e.getMessage());
      }
    }
    assertTrue(taken > 1000 && taken < 20_000, taken + " taken");
  }

  private byte[] next() {
    return bytes(sealed, 0, sealer.seal(message, 5, SMALL, sealed, 0));
  }

  /**
   * The message that is due or the one before it, as it is or with some bits changed, cut or
   * longer; or noise behind a true beginning, so that the tag is looked at.
   */
  private static byte[] spoil(byte[] due, byte[] last, SplittableRandom random) {
    byte[] bytes =
        switch (random.nextInt(4)) {
          case 0 -> due.clone();
          case 1 -> last.clone();
          case 2 -> Arrays.copyOf(due, random.nextInt(2 * due.length));
          default -> {
            byte[] noise = new byte[random.nextInt(300)];
            random.nextBytes(noise);
            System.arraycopy(due, 0, noise, 0, Math.min(random.nextInt(20), noise.length));
            yield noise;
          }
        };
    for (int flips = random.nextInt(4); flips > 0 && bytes.length > 0; flips--) {
      bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
    }
    return bytes;
  }

  private String refusal(int index) {
    return assertThrows(
            MalformedMessage.class,
            () -> opener.open(sealed, index * SMALL_SEALED, SMALL_SEALED, opened, 0))
        .getMessage();
  }

  /** Puts a message of {@code length} bytes at 5. */
  private byte[] put(int length, int seed) {
    byte[] text = new byte[length];
    new SplittableRandom(seed).nextBytes(text);
    message.putBytes(5, text);
    return text;
  }

  private void flip(int bit) {
    sealed.putByte(bit / 8, (byte) (sealed.getByte(bit / 8) ^ 1 << bit % 8));
  }

  private static byte[] bytes(UnsafeBuffer buffer, int offset, int length) {
    byte[] bytes = new byte[length];
    buffer.getBytes(offset, bytes);
    return bytes;
  }

  private static byte[] bytes(int value, int length) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static UnsafeBuffer offHeap() {
    return new UnsafeBuffer(ByteBuffer.allocateDirect(ROOM));
  }

  private static SecretKey key(int value) {
    return new SecretKeySpec(bytes(value, 32), "AES");
  }
}
