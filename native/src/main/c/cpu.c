/* Which ISA levels this machine and its operating system can run. */
#include "baton.h"
#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1UL << 20)
#endif
#endif

#if defined(__x86_64__)
/* Bits of cpuid, as Intel's manual numbers them. */
#define LEAF_1_ECX (1u << 12 | 1u << 27 | 1u << 28 | 1u << 29) /* FMA, OSXSAVE, AVX, F16C */
#define LEAF_7_EBX_AVX2 (1u << 5)
#define LEAF_7_EBX_AVX512 (1u << 16 | 1u << 17 | 1u << 30 | 1u << 31) /* F, DQ, BW, VL */
#define LEAF_7_ECX_VNNI (1u << 11)

/* Registers that the operating system saves: xmm and ymm, and the masks and both halves of zmm. */
#define XCR0_YMM 0x06u
#define XCR0_ZMM 0xe6u

static unsigned saved_registers(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static int has(unsigned leaf_7_ebx, unsigned leaf_7_ecx, unsigned registers) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & LEAF_1_ECX) != LEAF_1_ECX)
    return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
    return 0;
  return (b & leaf_7_ebx) == leaf_7_ebx && (c & leaf_7_ecx) == leaf_7_ecx &&
         (saved_registers() & registers) == registers;
}

static int has_avx2(void) { return has(LEAF_7_EBX_AVX2, 0, XCR0_YMM); }

static int has_avx512(void) {
  return has(LEAF_7_EBX_AVX2 | LEAF_7_EBX_AVX512, LEAF_7_ECX_VNNI, XCR0_ZMM);
}
#elif defined(__aarch64__)
static int has_dotprod(void) {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return 1; /* every Apple CPU that runs macOS has it */
#endif
}
#endif

const struct bt_ops *bt_ops_of(int isa) {
  switch (isa) {
  case BT_SCALAR:
    return &bt_ops_scalar;
#if defined(__x86_64__)
  case BT_AVX2:
    return has_avx2() ? &bt_ops_avx2 : 0;
  case BT_AVX512:
    return has_avx512() ? &bt_ops_avx512 : 0;
#elif defined(__aarch64__)
  case BT_NEON:
    return has_dotprod() ? &bt_ops_neon_dotprod : &bt_ops_neon;
#endif
  default:
    return 0;
  }
}

int32_t bt_isa_levels(void) {
  int32_t levels = 0;
  for (int isa = BT_SCALAR; isa <= BT_NEON; isa++) {
    if (bt_ops_of(isa))
      levels |= 1 << isa;
  }
  return levels;
}
