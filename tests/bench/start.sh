#!/usr/bin/env bash
# From the command to the first step of a training, everything before it made and read before:
# nanochat's d6 recipe, 73.5 M parameters, a vocabulary of 32,768. Median, fastest and slowest.
#   tests/bench/start.sh BUILD [ROUNDS]
set -euo pipefail
build=$(realpath "$1")
rounds=${2:-7}
here=$(realpath "$(dirname "$0")")
ranks=$here/../../../shared/golden/nanochat-32k.tiktoken
[ -f "$ranks" ] || { echo "SKIP: no ../shared/golden: a start is not measured" >&2; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUNNEL_CACHE="$work/cache" CI=true
cd "$work"
cp "$ranks" ranks.tiktoken
cat >start.yaml <<'EOF'
runnel: 1
name: start
stages:
  data:
    kind: fetch
    files:
      text: {urls: ["builtin:tiny-world/shard_00000.parquet"], check: {format: parquet}}
      ranks: {urls: [ranks.tiktoken]}
  tokenizer: {kind: train-tokenizer, import: data.ranks}
  tokens: {kind: tokenize, in: {tokenizer: tokenizer, train: data.text}}
  base:
    kind: base-train
    in: {tokenizer: tokenizer, tokens: tokens}
    model: {arch: nanochat-2026, depth: 6, head_dim: 64, sequence_len: 512}
    batch: {tokens: 4096, device_rows: 8}
    horizon: {steps: 1}
    checkpoint: {every: 0 steps, every_time: 0 s}
EOF

start() { # prints the seconds until the first step began
    local from
    from=$(date +%s.%N)
    "$build/runnel" run start.yaml --runs runs --force base --yes=base >out 2>&1 || { cat out >&2; exit 1; }
    "$build/runnel" metrics start.yaml --runs runs --stage base --to csv | awk -F, -v from="$from" '
        NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i}
        NR == 2 {printf "%.3f\n", $at["time"] - $at["dt_ms"] / 1e3 - from}'
}
start >/dev/null
for _ in $(seq "$rounds"); do
    start
done | sort -g | awk '{v[NR] = $1}
    END {printf "| start to first step, warm | %.2f s (%.2f to %.2f) |\n", v[int((NR + 1) / 2)], v[1], v[NR]}'
