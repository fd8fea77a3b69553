#!/usr/bin/env bash
# The text column of a parquet file on one thread: runnel beside pyarrow, same machine, taking turns;
# medians of ROUNDS.         tests/bench/parquet.sh build [ROUNDS] [VENV]
# VENV: a Python environment with pyarrow; without it one is made in the build folder. Times are the
# processor's, so that a busy machine tells little less than a quiet one. Needs ninja, pip and
# ../shared of the source tree.
set -euo pipefail
build=$(realpath "$1") rounds=${2:-9} venv=${3:-$(realpath "$1")/bench-venv}
here=$(cd "$(dirname "$0")" && pwd)
shared=$(cd "$here/../../.." && pwd)/shared/data/base_data
[ -d "$shared" ] || { echo "SKIP: there is no shared data"; exit 0; }
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import pyarrow' 2>/dev/null || "$venv/bin/pip" install --quiet pyarrow
ninja -C "$build" bench-parquet >/dev/null
exec "$venv/bin/python" "$here/parquet_bench.py" "$build/bench-parquet" "$rounds" \
    "$shared/shard_00000.parquet"
