#!/usr/bin/env bash
# Training from parquet to vocabulary: runnel beside rustbpe behind nanochat's reading loop, with the
# same threads, taking turns; medians of ROUNDS. The vocabularies are compared in the same run.
#   tests/bench/tokenizer_train.sh build [ROUNDS] [THREADS]
# Seconds are by the clock, so the machine should be quiet. Needs pip and ../shared of the source
# tree.
set -euo pipefail
build=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
venv=$build/bench-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet rustbpe==0.1.0 pyarrow
exec "$venv/bin/python" "$here/tokenizer_train.py" "$build/runnel" "${2:-5}" "${3:-$(nproc)}"
