#!/usr/bin/env bash
# Kills, many: the tiny pipeline 10,000 times (and at every record and rename), the smoke pipeline 20
# times.   tests/soak/kill.sh build/runnel [TINY] [SMOKE] [SEED]
set -euo pipefail
build=$(realpath "$(dirname "$1")") tiny=${2:-10000} smoke=${3:-20} seed=${4:-$(date +%Y%m)}
source_dir=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$work"' EXIT
torture() { # PIPELINE OPTIONS...
    "$build/torture-kill" "$build/runnel" "$build/librunnel-faults.so" \
        "$source_dir/$1" "$work/kill" jobs=2 seed="$seed" "${@:2}"
}
torture tests/pipelines/tiny.yaml random=$((tiny / 5))
torture tests/pipelines/training.yaml random=0 every=0 training=200
torture pipelines/smoke.yaml random=$((smoke / 5)) every=0 hang=3600
