/* e^x and silu by the steps of the numeric contract; the constants are those of
 * dev.baton.kernel.Numerics. */
#ifndef BATON_EXP_H
#define BATON_EXP_H

#include "vec.h"

/* +0 below -87; above 88, and for a NaN, as for 88. */
BT_INLINE v16 v16_exp(v16 x) {
  const v16 clamped = v16_max(v16_min(x, v16_set1(88.0f)), v16_set1(-87.0f));
  const v16 n = v16_rint(v16_mul(clamped, v16_set1(0x1.715476p+0f)));
  v16 r = v16_fma(n, v16_set1(-0x1.62e43p-1f), clamped);
  r = v16_fma(n, v16_set1(0x1.05c61p-29f), r);
  v16 p = v16_set1(0x1.0f9ee4p-7f);
  p = v16_fma(p, r, v16_set1(0x1.573adap-5f));
  p = v16_fma(p, r, v16_set1(0x1.555a82p-3f));
  p = v16_fma(p, r, v16_set1(0x1.fffdc4p-2f));
  p = v16_fma(p, r, v16_set1(0x1.fffff6p-1f));
  p = v16_fma(p, r, v16_set1(1.0f));
  return v16_select_lt(x, v16_set1(-87.0f), v16_zero(), v16_scale2(p, n));
}

/* x / (1 + e^-x) */
BT_INLINE v16 v16_silu(v16 x) { return v16_div(x, v16_add(v16_set1(1.0f), v16_exp(v16_neg(x)))); }

#endif
