#!/usr/bin/env bash
# Encoding on one thread: runnel beside tiktoken, gigatoken and iree-tokenizer, same machine, taking
# turns; medians of ROUNDS, as a table. Ids are compared in the same run.
#   tests/bench/tokenizer.sh build [ROUNDS]
# Times are the processor's, so that a busy machine tells little less than a quiet one. Needs ninja,
# pip and ../shared of the source tree.
set -euo pipefail
build=$(realpath "$1")
rounds=${2:-5}
here=$(cd "$(dirname "$0")" && pwd)
venv=$build/bench-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet tiktoken==0.14.0 gigatoken==0.10.0 iree-tokenizer==0.3.0 pyarrow numpy
ninja -C "$build" bench-encode >/dev/null
exec "$venv/bin/python" "$here/tokenizer_bench.py" "$build/bench-encode" "$rounds"
