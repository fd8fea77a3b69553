#!/usr/bin/env bash
# The whole fault sweep, every place that takes memory too; SHARE=N: each n-th point only.
#   tests/soak/faults.sh build/runnel
set -euo pipefail
build=$(realpath "$(dirname "$1")")
source_dir=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$work"' EXIT
"$build/torture-sweep" "$build/runnel-torture" "$build/librunnel-faults.so" \
    "$source_dir/tests/torture/fake.yaml" "$work/sweep" io="${SHARE:-1}" memory="${SHARE:-1}"
