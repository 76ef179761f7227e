#!/usr/bin/env bash
# Triton's own load generator, with whatever arguments it takes:
#   benchmarks/perf_analyzer.sh -m mamba_hunet -i grpc -u 127.0.0.1:8001 -b 4 --concurrency-range 1:16:4 --input-data zero
# The first call puts it into .triton/perf_analyzer: the binary of an older client wheel (newer ones need glibc 2.38),
# the CUDA runtime that our Triton brings, and Debian's libb64, unpacked, not installed.
set -euo pipefail
home="$(cd "$(dirname "$0")/.." && pwd)"
folder="$home/.triton/perf_analyzer"

fetch() {
  local scratch library
  scratch="$(mktemp -d)"
  trap 'rm -rf "$scratch"' RETURN
  "$home/.venv/bin/pip" -q --disable-pip-version-check download --no-deps --dest "$scratch" tritonclient==2.41.0 >&2
  python3 -m zipfile -e "$scratch"/tritonclient-2.41.0-*.whl "$scratch/wheel"
  if ! ldconfig -p | grep -q 'libb64\.so\.0d'; then
    (cd "$scratch" && apt-get download -qq libb64-0d >&2 && dpkg-deb -x libb64-0d_*.deb debian) ||
      { echo "error: no libb64.so.0d. On Debian or Ubuntu: apt install libb64-0d" >&2; return 1; }
    cp -L "$(find "$scratch/debian" -name 'libb64.so.0d')" "$scratch"
  fi
  library="$(find "$home/.triton/runtime/wheel/nvidia_pytriton.libs" -name 'libcudart*.so.12*' | head -1)"
  [ -n "$library" ] || { echo "error: no Triton in $home/.triton. make setup installs it" >&2; return 1; }
  mkdir -p "$folder"
  cp "$library" "$folder/libcudart.so.12"
  if [ -e "$scratch/libb64.so.0d" ]; then cp "$scratch/libb64.so.0d" "$folder"; fi
  install -m 755 "$scratch"/wheel/*.data/data/bin/perf_analyzer "$folder/perf_analyzer"
}

[ -x "$folder/perf_analyzer" ] || fetch
LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$folder/perf_analyzer" "$@"
