#!/usr/bin/env bash
# The CUDA kernels under the address and undefined-behaviour sanitizers, each case of op_cases.c in
# two orders of threads: a read of one element too many is seen, which changes no result. Some
# minutes, most of them compiling; `make asan` does the same beside all other unit tests.
#   asan.sh [TESTS]   those of test-kernels that match; without: all that run kernels
set -eu
root=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
build=$root/build-asan
cd "$root"
cmake --preset asan >/dev/null
cmake --build "$build" --target test-emu test-kernels >"$build/asan.log" || { tail "$build/asan.log"; exit 1; }
"$build/test-emu"
"$build/test-kernels" --filter "${1:-@(cuda_*|op_batch|op_times)/*}"
