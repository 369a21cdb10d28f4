#!/bin/sh
# Builds the C kernels, every ISA level of the compiler's target, with ${CC:-cc}.
#
#   build.sh OUT_DIR                        the shared object, libbaton-OS-ARCH.so or .dylib, into OUT_DIR
#   build.sh --driver FILE.c OUT [FLAG...]  an executable of the kernels and FILE.c, for tests
#
# Without a compiler it says what runs instead, and succeeds. A compiler's error is an error.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-cc}
driver=
if [ "$1" = --driver ]; then
  driver=$2
  out=$3
  shift 3
else
  out_dir=$1
  shift
fi

if ! command -v "$cc" >/dev/null 2>&1 || ! target=$("$cc" -dumpmachine 2>/dev/null); then
  [ -n "$driver" ] || rm -f "$out_dir"/libbaton-*
  echo "baton: no C compiler ($cc), so Baton will run its slower Java kernels;" \
    "install one (apt install gcc, or xcode-select --install) and build again" >&2
  [ -z "$driver" ] || exit 1
  exit 0
fi

case $target in
  x86_64-* | amd64-*) arch=x86_64 ;;
  aarch64-* | arm64-*) arch=aarch64 ;;
  *) arch=other ;;
esac
case $target in
  *darwin* | *apple*) os=macos suffix=dylib ;;
  *linux*) os=linux suffix=so ;;
  *) os=other suffix=so ;;
esac
[ -n "$driver" ] || out=$out_dir/libbaton-$os-$arch.$suffix
if [ -f "$out" ] && [ -z "$(find "$here" $driver -newer "$out" \( -name '*.[ch]' -o -name build.sh \))" ]; then
  exit 0
fi
mkdir -p "$(dirname "$out")"
rm -f "$out"

# gcc's scheduler moves the prefetches into clumps, which halves the speed of decoding.
flags="-std=c17 -O3 -ffp-contract=off -fno-fast-math -Wall -Wextra -Werror -fvisibility=hidden -fPIC -pthread"
if "$cc" --version 2>/dev/null | grep -qi clang; then
  flags="$flags -Wno-pass-failed"
else
  flags="$flags -fno-schedule-insns -fno-schedule-insns2"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pids=

# compile NAME SOURCE FLAG...
compile() {
  name=$1
  source=$2
  shift 2
  "$cc" $flags "$@" -I "$here" -c -o "$work/$name.o" "$source" &
  pids="$pids $!"
}

for source in baton call cpu pool pack; do
  compile $source "$here/$source.c" "$@"
done
compile scalar "$here/variant.c" -DBT_ISA_SCALAR "$@"
case $arch in
  x86_64)
    compile avx2 "$here/variant.c" -DBT_ISA_AVX2 -mavx2 -mfma -mf16c "$@"
    compile avx512 "$here/variant.c" -DBT_ISA_AVX512 -mavx2 -mfma -mf16c \
      -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni "$@"
    ;;
  aarch64)
    compile neon "$here/variant.c" -DBT_ISA_NEON "$@"
    compile neon_dotprod "$here/variant.c" -DBT_ISA_NEON_DOTPROD -march=armv8.2-a+dotprod "$@"
    ;;
esac
[ -z "$driver" ] || compile driver "$driver" "$@"

failed=0
for pid in $pids; do
  wait "$pid" || failed=1
done
[ $failed = 0 ] || {
  echo "baton: the C kernels do not compile with $cc (messages above)" >&2
  exit 1
}

if [ -n "$driver" ]; then
  "$cc" "$@" -pthread -o "$out" "$work"/*.o -lm
else
  "$cc" -shared -pthread -o "$work/out" "$work"/*.o -lm
  mv "$work/out" "$out"
fi
