#!/usr/bin/env bash
# Kills, many: the tiny pipeline TINY=10000 times (and at every record and rename), one that trains
# TRAININGS=200 times, the smoke pipeline SMOKE=20 times.   [SEED=N] tests/soak/kill.sh build/runnel
set -euo pipefail
build=$(realpath "$(dirname "$1")") seed=${SEED:-$(date +%Y%m)}
source_dir=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$work"' EXIT
torture() { # PIPELINE OPTIONS...
    "$build/torture-kill" "$build/runnel" "$build/librunnel-faults.so" \
        "$source_dir/$1" "$work/kill" jobs=2 seed="$seed" "${@:2}"
}
torture tests/pipelines/tiny.yaml random=$((${TINY:-10000} / 5))
torture tests/pipelines/training.yaml random=0 every=0 training="${TRAININGS:-200}"
torture pipelines/smoke.yaml random=$((${SMOKE:-20} / 5)) every=0 hang=3600
