#!/usr/bin/env bash
# CORE at 20 questions a task, with their examples, on a d4 model of T 512: `runnel eval` and
# nanochat's own loop in turns, on the same weights and the same questions.
#   tests/bench/core.sh BUILD [ROUNDS]
# TORCH_PYTHON=python with torch, tiktoken and PyYAML, NANOCHAT=checkout of nanochat (without them
# ours alone is timed); ITEMS, THREADS. Needs the shared test data beside the source tree.
# Ours includes starting the program and loading the model, nanochat's seconds do not. On a busy
# machine take THREADS=1 and read processor time: PyTorch's threads spin while they wait.
set -euo pipefail
build=$(realpath "$1")
rounds=${2:-3}
here=$(realpath "$(dirname "$0")")
data=$here/../../../shared/data
merges=$here/../golden/nanochat-32k.tiktoken
items=${ITEMS:-20}
threads=${THREADS:-$(nproc)}
[ -f "$data/eval_bundle.zip" ] || { echo "SKIP: no eval_bundle.zip in the shared test data"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m zipfile -e "$data/eval_bundle.zip" "$work"

# A model that has seen a little text, so that its answers are far enough apart to be compared.
cat >"$work/p.yaml" <<YAML
runnel: 1
name: d4
stages:
  data:
    kind: fetch
    files:
      text: {urls: ["$(realpath "$data")/base_data/shard_00000.parquet"], check: {format: parquet, columns: [text]}}
      val: {urls: ["$(realpath "$data")/base_data/shard_00003.parquet"], check: {format: parquet, columns: [text]}}
      merges: {name: tokenizer.tiktoken, urls: ["$merges"]}
  tokenizer: {kind: train-tokenizer, import: data.merges, pattern: nanochat}
  tokens: {kind: tokenize, in: {tokenizer: tokenizer, train: data.text, val: data.val}}
  base:
    kind: base-train
    in: {tokenizer: tokenizer, tokens: tokens}
    model: {arch: nanochat-2026, depth: 4, head_dim: 64, sequence_len: 512}
    precision: fp32
    batch: {tokens: 4096, device_rows: 8}
    horizon: {steps: ${STEPS:-20}}
    eval: {bpb: {tokens: 4096}}
YAML
(cd "$work" && RUNNEL_RUNS=runs RUNNEL_CACHE=cache "$build/runnel" run p.yaml >log 2>&1) || {
    tail -n 20 "$work/log" >&2
    exit 1
}
model=$(echo "$work"/runs/*/stages/base/model)

ours() { # ROUND
    local TIMEFORMAT='wall %R s
processor %U %S s'
    { time "$build/runnel" eval "$model" --tokenizer "$merges" --tasks core \
        --data "core=$work/eval_bundle" --max-per-task "$items" --threads "$threads" \
        --out "$work/out$1" --json >"$work/json$1"; } 2>"$work/time"
    awk '{ print $1, $2 + $3 }' "$work/time" >>"$work/ours"
}
peer() {
    THREADS=$threads "$TORCH_PYTHON" "$here/core_peer.py" "$model" "$merges" "$work/eval_bundle" \
        "$items" "$work/peer.jsonl" >>"$work/peer" 2>"$work/err" || { tail -n 5 "$work/err" >&2; exit 1; }
}
median() { # FILE NAME
    awk -v name="$2" '$1 == name { print $2 }' "$work/$1" | sort -g |
        awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
for i in $(seq "$rounds"); do
    ours "$i"
    [ -z "${TORCH_PYTHON:-}" ] || [ -z "${NANOCHAT:-}" ] || peer
done
echo "| $items questions a task, $threads threads | wall, s | processor, s |"
echo "| --- | --- | --- |"
echo "| runnel eval | $(median ours wall) | $(median ours processor) |"
[ -s "$work/peer" ] || { echo "TORCH_PYTHON or NANOCHAT is not given: nothing to compare with" >&2; exit 0; }
echo "| nanochat, torch $(median peer torch) | $(median peer wall) | $(median peer processor) |"
echo
awk -v a="$(median ours wall)" -v b="$(median peer wall)" \
    -v c="$(median ours processor)" -v d="$(median peer processor)" \
    'BEGIN { printf "nanochat takes %.2f times our wall, %.2f times our processor time\n", b / a, d / c }'
python3 "$here/core_same.py" "$work/out1" "$work/peer.jsonl"
