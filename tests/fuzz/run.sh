#!/usr/bin/env bash
# One fuzz target for some seconds over a copy of its corpus.   tests/fuzz/run.sh NAME [SECONDS]
#
# tests/fuzz/NAME.c is the target, corpus/NAME/ its seeds (small, committed), NAME.dict its words if
# there is one. A finding ends it: the input is kept in BUILD/fuzz/findings and becomes a seed and a
# test. What a long run learns stays in BUILD/fuzz/learned/NAME; GROW=1 starts from there. RUNS=N
# ends it after so many inputs; 0 SECONDS are without end.
set -u
name=$1 seconds=${2:-20}
: "${SRC:?source folder}" "${BUILD:?build folder}"
program=$BUILD/fuzz/fuzz-$name seeds=$SRC/tests/fuzz/corpus/$name
[ -f "$BUILD/fuzz/skipped" ] && cat "$BUILD/fuzz/skipped" && exit 77
[ -x "$program" ] || { echo "FAIL: $program was not built"; exit 1; }

learned=$(mktemp -d)
if [ "${GROW:-}" = 1 ]; then
    rm -rf "$learned"
    learned=$BUILD/fuzz/learned/$name
    mkdir -p "$learned"
else
    trap 'rm -rf "$learned"' EXIT
fi
mkdir -p "$BUILD/fuzz/findings"
# The same walk every time, so that a change is judged by what it changed; a long run takes another.
options=(-seed="${SEED:-1}" -max_total_time="$seconds" -rss_limit_mb=512 -timeout=5 -print_final_stats=1
         -artifact_prefix="$BUILD/fuzz/findings/$name-")
[ -n "${RUNS:-}" ] && options+=(-runs="$RUNS")
[ -f "$SRC/tests/fuzz/$name.dict" ] && options+=(-dict="$SRC/tests/fuzz/$name.dict")
[ "$(find "$seeds" -type f | wc -l)" -gt 0 ] || { echo "FAIL: no seeds in $seeds"; exit 1; }

# What was freed counts as used until ASan lets go of it: its default keeps back 256 MiB.
export ASAN_OPTIONS="quarantine_size_mb=16${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
log=$BUILD/fuzz/$name.log
# What is found first goes to the first folder: the seeds are read, never written.
if ! "$program" "${options[@]}" "$learned" "$seeds" >"$log" 2>&1; then
    tail -n 60 "$log"
    echo "FAIL: fuzz-$name; the input is in $BUILD/fuzz/findings"
    exit 1
fi
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
cover=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
echo "fuzz-$name: $runs inputs in $seconds s, $cover edges"
