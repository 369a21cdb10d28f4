package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class SipHashTest {
  private static final long KEY0 = 0x0706050403020100L;
  private static final long KEY1 = 0x0f0e0d0c0b0a0908L;

  @Test
  void shouldHashAsItsAuthorsDo() {
    assertEquals(0x726fdb47dd0e0e31L, new SipHash(KEY0, KEY1).value());
    SipHash hash = new SipHash(KEY0, KEY1);
    hash.add(0x0706050403020100L);
    assertEquals(0x93f5f5799a932462L, hash.value());
  }
}
