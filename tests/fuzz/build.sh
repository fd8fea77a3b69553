#!/usr/bin/env bash
# Builds the fuzz targets in BUILD/fuzz: clang's libFuzzer with AddressSanitizer and UBSan. They have
# a build folder of their own because every room must be compiled with the fuzzer's instrumentation.
set -u
: "${SRC:?source folder}" "${BUILD:?build folder}"
fuzz=$BUILD/fuzz
mkdir -p "$fuzz"
rm -f "$fuzz/skipped"

skip() {
    echo "SKIP: $*: nothing was fuzzed (tools/setup.sh installs what is missing)" | tee "$fuzz/skipped"
    exit 77
}
clang=$(command -v clang || command -v clang-14) || skip "there is no clang"
echo 'int LLVMFuzzerTestOneInput(const char *p, unsigned long n); int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return p && n > 1 ? 0 : 0; }' >"$fuzz/probe.c"
"$clang" -fsanitize=fuzzer,address "$fuzz/probe.c" -o "$fuzz/probe" 2>/dev/null || skip "clang has no libFuzzer"

log=$fuzz/build.log
launcher=$(command -v ccache || true)
{ [ -f "$fuzz/build.ninja" ] ||
    cmake -S "$SRC" -B "$fuzz" -G Ninja -DRUNNEL_FUZZ=ON -DCMAKE_C_COMPILER="$clang" \
        ${launcher:+-DCMAKE_C_COMPILER_LAUNCHER="$launcher"}; } >"$log" 2>&1 &&
    cmake --build "$fuzz" --target fuzzers >>"$log" 2>&1 || {
    tail -n 40 "$log"
    rm -f "$fuzz/build.ninja"
    exit 1
}
