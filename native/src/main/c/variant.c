/* All kernels at one ISA level, which build.sh chooses by -DBT_ISA_...; compiled once for each. */
#include "kernels.h"
#include "vec.h"

#include "quantize.h"

#include "attention.h"
#include "kv.h"
#include "matmul.h"
#include "probe.h"
#include "rows.h"
#include "wire.h"

#if defined(BT_ISA_AVX512)
#define BT_OPS bt_ops_avx512
#elif defined(BT_ISA_AVX2)
#define BT_OPS bt_ops_avx2
#elif defined(BT_ISA_NEON_DOTPROD)
#define BT_OPS bt_ops_neon_dotprod
#elif defined(BT_ISA_NEON)
#define BT_OPS bt_ops_neon
#elif defined(BT_ISA_SCALAR)
#define BT_OPS bt_ops_scalar
#endif

const struct bt_ops BT_OPS = {
    .matmul = MATMUL_TASKS,
    .quantize = quantize,
    .rms_norm = rms_norm,
    .rope = rope,
    .swiglu = swiglu,
    .maxima = maxima,
    .store_kv = store_kv,
    .attention = attention,
    .probe = PROBE_TASKS,
    .probe_work = probe_work,
    .export_kv = export_kv,
    .import_kv = import_kv,
};
