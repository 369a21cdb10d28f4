package dev.baton.kernel;

/**
 * The scalar functions of the numeric contract, with their constants. Every kernel, in whatever
 * language, follows these steps one by one, so that all of them give the same bits.
 *
 * <p>Stateless; any thread.
 */
public final class Numerics {
  /** Below this, {@link #exp} is exactly zero; {@code exp(-87)} is still a normal float. */
  static final float EXP_MIN = -87f;

  /** Arguments above this count as this; {@code exp(88)} is still finite. */
  static final float EXP_MAX = 88f;

  static final float LOG2_E = 0x1.715476p+0f;

  /** ln 2 in two parts: {@code fma(n, -LN2_HI, x)} is exact for every {@code n} that occurs. */
  static final float LN2_HI = 0x1.62e43p-1f;

  static final float LN2_LO = -0x1.05c61p-29f;

  // exp(r) = 1 + r (C1 + r (C2 + ...)) on |r| <= ln(2)/2: least maximal relative error (9.2e-8)
  // with float32 constants,
  // by linear programming, one coefficient rounded after the other.
  static final float EXP_C1 = 0x1.fffff6p-1f;
  static final float EXP_C2 = 0x1.fffdc4p-2f;
  static final float EXP_C3 = 0x1.555a82p-3f;
  static final float EXP_C4 = 0x1.573adap-5f;
  static final float EXP_C5 = 0x1.0f9ee4p-7f;

  /** The largest finite f16; stores into the KV cache clamp to it. */
  static final float F16_MAX = 65504f;

  /**
   * Blocks whose largest magnitude is below this quantise to zeros: {@code 127 / amax} stays finite
   * for all others.
   */
  static final float QUANT_MIN = 0x1p-100f;

  private Numerics() {}

  /** {@code e^x} within 2.5 ulp: 0 below -87, and as for 88 above 88. */
  public static float exp(float x) {
    if (x < EXP_MIN) {
      return 0f;
    }
    float clamped =
        x < EXP_MAX ? x : EXP_MAX; // takes a NaN to 88, so that the exponent below stays in range
    float n = rint(clamped * LOG2_E);
    float r = Math.fma(n, -LN2_LO, Math.fma(n, -LN2_HI, clamped));
    float p = EXP_C5;
    p = Math.fma(p, r, EXP_C4);
    p = Math.fma(p, r, EXP_C3);
    p = Math.fma(p, r, EXP_C2);
    p = Math.fma(p, r, EXP_C1);
    p = Math.fma(p, r, 1f);
    return p * Float.intBitsToFloat(((int) n + 127) << 23);
  }

  /** {@code x * sigmoid(x)}: {@code x / (1 + exp(-x))}. */
  public static float silu(float x) {
    return x / (1f + exp(-x));
  }

  /** The nearest integer, ties to even. */
  public static float rint(float x) {
    return (float) Math.rint(x);
  }

  /** Exact. */
  public static float fromF16(short bits) {
    return Float.float16ToFloat(bits);
  }

  /**
   * The nearest f16, ties to even, magnitudes past the largest finite f16 clamped to it; a NaN
   * becomes 65504.
   */
  public static short toF16Saturating(float x) {
    float below = x < F16_MAX ? x : F16_MAX;
    return Float.floatToFloat16(below > -F16_MAX ? below : -F16_MAX);
  }

  /** Exact. */
  public static float fromBf16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
