#!/bin/bash
# CORE at 20 questions a task on a d4 model of T 512: `tests/bench/core.sh build/runnel`, on a quiet
# machine. Needs the shared test data beside the source tree.
set -euo pipefail
runnel=$(realpath "$1")
src=$(cd "$(dirname "$0")/../.." && pwd)
build=$(dirname "$runnel")
data=$src/../shared/data
[ -f "$data/eval_bundle.zip" ] || { echo "SKIP: no eval_bundle.zip in the shared test data"; exit 0; }
cmake --build "$build" --target bench-core >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m zipfile -e "$data/eval_bundle.zip" "$work"
sed "s|DATA|$data|; s|MERGES|$src/tests/golden/nanochat-32k.tiktoken|" >"$work/p.yaml" <<'YAML'
runnel: 1
name: d4
stages:
  data:
    kind: fetch
    files:
      shards: {count: 1, name: "shard_{i:05d}.parquet", urls: ["builtin:tiny-world/{file}"], check: {format: parquet, columns: [text]}}
      merges: {name: tokenizer.tiktoken, urls: ["MERGES"]}
  tokenizer: {kind: train-tokenizer, import: data.merges, pattern: nanochat}
  tokens: {kind: tokenize, in: {tokenizer: tokenizer, train: data.shards, val: data.shards}}
  base:
    kind: base-train
    in: {tokenizer: tokenizer, tokens: tokens}
    model: {arch: nanochat-2025, depth: 4, head_dim: 64, sequence_len: 512}
    batch: {tokens: 2048, device_rows: 4}
    horizon: {steps: 2}
    eval: {bpb: {tokens: 2048}}
YAML
(cd "$work" && RUNNEL_RUNS=runs RUNNEL_CACHE=cache "$runnel" run p.yaml >log 2>&1) || {
    tail -n 20 "$work/log" >&2
    exit 1
}
"$build/bench-core" "$work"/runs/*/stages/base/model "$src/tests/golden/nanochat-32k.tiktoken" \
    "$work/eval_bundle" "${ITEMS:-20}" ${THREADS:-}
