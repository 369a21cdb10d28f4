package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class NumericsTest {
  @Test
  void shouldKeepExpWithinTwoAndAHalfUlp() {
    double worst = 0;
    for (float x = -87f; x <= 88f; x += 0x1p-13f) {
      double exact = StrictMath.exp(x);
      double ulps = Math.abs(Numerics.exp(x) - exact) / Math.ulp((float) exact);
      worst = Math.max(worst, ulps);
    }
    assertTrue(worst <= 2.5, "worst error of exp: " + worst + " ulp");
    assertTrue(worst > 0.5, "a sweep that finds no error measures nothing");
  }

  @Test
  void shouldGiveExactlyOneForExpOfZeroAndZeroBelowMinus87() {
    assertEquals(1f, Numerics.exp(0f));
    assertEquals(1f, Numerics.exp(-0f));
    assertTrue(Numerics.exp(-87f) >= Float.MIN_NORMAL);
    assertEquals(0, Float.floatToRawIntBits(Numerics.exp(Math.nextDown(-87f))));
    assertEquals(0, Float.floatToRawIntBits(Numerics.exp(Float.NEGATIVE_INFINITY)));
  }

  @Test
  void shouldStayFiniteAtTheTop() {
    assertEquals(Numerics.exp(88f), Numerics.exp(1e9f));
    assertEquals(Numerics.exp(88f), Numerics.exp(Float.POSITIVE_INFINITY));
    assertEquals(Numerics.exp(88f), Numerics.exp(Float.NaN));
    assertTrue(Float.isFinite(Numerics.exp(88f)));
  }

  @Test
  void shouldKeepSiluNearItsDefinition() {
    for (float x = -80f; x <= 80f; x += 0x1p-10f) {
      double exact = x / (1 + StrictMath.exp(-x));
      assertEquals(exact, Numerics.silu(x), 4 * Math.ulp((float) exact), "silu of " + x);
    }
  }

  @Test
  void shouldClampAndRoundWhatGoesIntoTheCache() {
    assertEquals((short) 0x7bff, Numerics.toF16Saturating(1e30f));
    assertEquals((short) 0xfbff, Numerics.toF16Saturating(Float.NEGATIVE_INFINITY));
    assertEquals((short) 0x7bff, Numerics.toF16Saturating(Float.NaN));
    assertEquals(
        (short) 0x3c00,
        Numerics.toF16Saturating(1f + 0x1p-11f),
        "a tie goes to the even neighbour");
    assertEquals(
        (short) 0x3c02,
        Numerics.toF16Saturating(1f + 3 * 0x1p-11f),
        "a tie goes to the even neighbour");
    assertEquals((short) 0x0001, Numerics.toF16Saturating(0x1p-24f), "denormals are kept");
    assertEquals((short) 0x8000, Numerics.toF16Saturating(-0f));
  }

  @Test
  void shouldWidenEveryHalfFloatExactly() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      int exponent = bits >>> 10 & 31;
      if (exponent == 31) {
        continue;
      }
      int mantissa = bits & 1023;
      double magnitude =
          exponent == 0 ? mantissa * 0x1p-24 : (1024 + mantissa) * Math.scalb(1.0, exponent - 25);
      assertEquals(bits >>> 15 == 1 ? -magnitude : magnitude, Numerics.fromF16((short) bits));
    }
    assertEquals(-1.5f, Numerics.fromBf16((short) 0xbfc0));
  }
}
