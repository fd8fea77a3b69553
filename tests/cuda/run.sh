#!/usr/bin/env bash
# Of `make cuda-all`: the CUDA backend linked for every architecture, and
# whether cuDNN has engines for our attention on cards that are only described. No GPU is needed.
#   tests/cuda/run.sh BUILD
set -eu
cd "$(dirname "$0")/../.."
build=$1-cuda-all
archs="80-real;89-real;90a-real;100-real;120-real;120-virtual"
cmake -S . -B "$build" -G Ninja -DRUNNEL_WERROR=ON "-DRUNNEL_CUDA_ARCHS=$archs" >"$build.log" ||
    { tail -n 20 "$build.log"; exit 1; }
if ! ninja -C "$build" -t query runnel-cuda >/dev/null 2>&1; then
    echo "SKIP: no CUDA toolkit, nothing of the CUDA backend is built"
    exit 0
fi
ninja -C "$build" runnel-cuda cudnn-archs
echo "librunnel-cuda.so: $(du -h "$build/librunnel-cuda.so" | cut -f1) for $archs"

# The toolkit's stub of libcuda stands in for a driver.
nvcc=$(sed -n 's/^CMAKE_CUDA_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
[ -n "$nvcc" ] || nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
toolkit=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
stub=$(mktemp -d)
trap 'rm -rf "$stub"' EXIT
ln -s "$toolkit/lib64/stubs/libcuda.so" "$stub/libcuda.so.1"
code=0
LD_LIBRARY_PATH="$stub:$toolkit/lib64" "$build/cudnn-archs" tests/cuda/cards/*.json || code=$?
[ $code -eq 77 ] || exit $code
