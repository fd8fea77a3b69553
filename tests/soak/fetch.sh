#!/usr/bin/env bash
# 2,000 kills during a download, and every fault point of a fetch.   tests/soak/fetch.sh build/runnel
set -euo pipefail
RUNNEL=$(realpath "$1") SRC=$(realpath "$(dirname "$0")/../..")
BUILD=$(dirname "$RUNNEL")
export RUNNEL SRC BUILD
KILLS=2000 bash "$SRC/tests/e2e/fetch_kill.sh"
SHARE=1 bash "$SRC/tests/e2e/fetch_faults.sh"
