#!/usr/bin/env bash
# The long campaigns, one after another; hours on two cores. One that fails does not stop the others.
#   tests/soak/run.sh build/runnel [NAME...]
# Their sizes are in the environment; a look at whether all of them start, in some minutes:
#   TINY=5 TRAININGS=4 SMOKE=5 SHARE=99 FAULT='wrong bit' TRIALS=1 KILLS=5 SEEDS=1 FUZZ_SECONDS=5 \
#   FUZZ_RUNS=9999 tests/soak/run.sh build/runnel kill faults faults_kernels faults_cuda ranks \
#   fetch gate fuzz
set -u
here=$(dirname "$0") runnel=$1
shift
[ $# -gt 0 ] || set -- kill faults faults_kernels faults_cuda ranks fetch gate fuzz curves real
failed=()
for name in "$@"; do
    echo "== $name"
    "$here/$name.sh" "$runnel" || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
