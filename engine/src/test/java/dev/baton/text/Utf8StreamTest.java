package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class Utf8StreamTest {
  @Test
  void shouldHoldBackACharacterUntilItIsWhole() {
    Utf8Stream stream = new Utf8Stream();
    assertEquals("a", stream.append(bytes('a', 0xF0)));
    assertEquals("", stream.append(bytes(0x9F)));
    assertEquals("", stream.append(bytes(0x98)));
    assertEquals("\uD83D\uDE00b", stream.append(bytes(0x80, 'b')));
    assertEquals("", stream.append(bytes()));
    assertEquals("", stream.flush());
  }

  @Test
  void shouldReplaceBytesThatCannotBecomeACharacterAtOnce() {
    Utf8Stream stream = new Utf8Stream();
    assertEquals("\uFFFD", stream.append(bytes(0xFF)));
    assertEquals("\uFFFDa", stream.append(bytes(0xC3, 'a')));
    assertEquals("\uFFFD", stream.append(bytes(0x80)));
  }

  @Test
  void shouldReplaceAnUnfinishedCharacterAtTheEndAndStartAnew() {
    Utf8Stream stream = new Utf8Stream();
    assertEquals("", stream.append(bytes(0xE4, 0xBD)));
    assertEquals("\uFFFD", stream.flush());
    assertEquals("", stream.flush());
    assertEquals("é", stream.append(bytes(0xC3, 0xA9)));
  }

  @Test
  void shouldGiveAnyBytesAsJavaDecodesThemWhereverTheyAreCut() {
    SplittableRandom random = new SplittableRandom(8);
    int[] leads = {'a', 0xC3, 0xE4, 0xED, 0xF0, 0xF4, 0x80, 0xA0, 0xBF, 0xFF};
    for (int round = 0; round < 20_000; round++) {
      byte[] all = new byte[random.nextInt(60)];
      for (int i = 0; i < all.length; i++) {
        all[i] = (byte) leads[random.nextInt(leads.length)];
      }
      Utf8Stream stream = new Utf8Stream();
      StringBuilder text = new StringBuilder();
      for (int from = 0; from < all.length; ) {
        int to = Math.min(all.length, from + random.nextInt(round % 3 == 0 ? 2 : 9));
        String part = stream.append(Arrays.copyOfRange(all, from, to));
        assertFalse(!part.isEmpty() && Character.isHighSurrogate(part.charAt(part.length() - 1)));
        text.append(part);
        from = to;
      }
      text.append(stream.flush());
      assertEquals(new String(all, StandardCharsets.UTF_8), text.toString(), "round " + round);
    }
  }

  @Test
  void shouldTakePiecesOfAnyLength() {
    byte[] emoji = "😀é".repeat(1000).getBytes(StandardCharsets.UTF_8);
    Utf8Stream stream = new Utf8Stream();
    assertEquals("", stream.append(Arrays.copyOf(emoji, 2)));
    assertEquals("😀é".repeat(1000), stream.append(Arrays.copyOfRange(emoji, 2, emoji.length)));
  }

  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }
}
