#!/usr/bin/env bash
# The long campaigns, one after another; hours on two cores.   tests/soak/run.sh build/runnel
set -euo pipefail
here=$(dirname "$0")
"$here/kill.sh" "$1"
"$here/faults.sh" "$1"
"$here/faults_kernels.sh"
"$here/faults_cuda.sh"
"$here/ranks.sh" "$1"
"$here/fetch.sh" "$1"
"$here/gate.sh" "$1"
"$here/fuzz.sh" "$1"
"$here/curves.sh" "$1"
THREADS=1 "$here/real.sh" "$1"
