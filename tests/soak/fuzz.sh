#!/usr/bin/env bash
# Each fuzz target for FUZZ_SECONDS (10 min), going on from what earlier campaigns learned; parquet
# until FUZZ_RUNS inputs (10 million) were tried.
# tests/soak/fuzz.sh BUILD/runnel [NAME...]
set -euo pipefail
SRC=$(cd "$(dirname "$0")/../.." && pwd) BUILD=$(cd "$(dirname "$1")" && pwd)
shift
export SRC BUILD GROW=1
"$SRC/tests/fuzz/build.sh" || { [ $? -eq 77 ] && exit 0; exit 1; }
names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(basename -s .c "$SRC"/tests/fuzz/*.c)
for name in "${names[@]}"; do
    if [ "$name" = parquet ]; then
        RUNS=${FUZZ_RUNS:-10000000} "$SRC/tests/fuzz/run.sh" "$name" 0
    else
        "$SRC/tests/fuzz/run.sh" "$name" "${FUZZ_SECONDS:-600}"
    fi
done
