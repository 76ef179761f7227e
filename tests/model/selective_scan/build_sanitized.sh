#!/bin/sh
# build_sanitized.sh SANITIZERS PROGRAM: compiles the C++ core and sanitized_core.cpp with -fsanitize=SANITIZERS.
set -eu
sanitizers=${1:?usage: build_sanitized.sh SANITIZERS PROGRAM} program=${2:?usage: build_sanitized.sh SANITIZERS PROGRAM}
here=$(cd "$(dirname "$0")" && pwd)
csrc=${CSRC:-$here/../../../model/src/mamba_hunet/csrc}
flags="-std=c++20 -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-psabi -ffp-contract=fast"
objects=

compile() { # SOURCE [FLAG...]
    source=$1
    shift
    object=$program.$(basename "$source" .cpp).o
    objects="$objects $object"
    # shellcheck disable=SC2086
    ${CXX:-c++} $flags "-fsanitize=$sanitizers" "-I$csrc" "$@" -c "$source" -o "$object"
}

case $(uname -m) in x86_64 | amd64)
    flags="$flags -DHUNET_X86"
    compile "$csrc/kernels_avx2.cpp" -mavx2 -mfma
    compile "$csrc/kernels_avx512.cpp" -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma
    ;;
esac
for source in kernels_portable isa selective_scan selective_scan_2d; do compile "$csrc/$source.cpp"; done
compile "$here/sanitized_core.cpp"
# shellcheck disable=SC2086
${CXX:-c++} "-fsanitize=$sanitizers" $objects -pthread -o "$program"
rm -f $objects
