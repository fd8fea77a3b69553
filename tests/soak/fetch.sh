#!/usr/bin/env bash
# KILLS=2000 during a download, and every fault point of a fetch (SHARE=N: each n-th).
#   tests/soak/fetch.sh build/runnel
set -euo pipefail
RUNNEL=$(realpath "$1") SRC=$(realpath "$(dirname "$0")/../..")
BUILD=$(dirname "$RUNNEL")
export RUNNEL SRC BUILD
KILLS=${KILLS:-2000} bash "$SRC/tests/e2e/fetch_kill.sh"
SHARE=${SHARE:-1} bash "$SRC/tests/e2e/fetch_faults.sh"
