#!/usr/bin/env bash
# How long `plan` takes on a matrix of 10,000 stages of real kinds: 1,000 cells of ten, none of them
# made yet, and again with the first cell made.   tests/bench/matrix.sh build/runnel [CELLS]
# Fails if the first takes a second of processor time or more.
set -euo pipefail
runnel=$(realpath "$1") cells=${2:-1000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUNNEL_CACHE=$work/cache RUNNEL_RUNS=$work/runs
cd "$work"
cat >sweep.yaml <<YAML
runnel: 1
name: sweep
vars: {seed: 0}
matrix: {vars.seed: [$(seq -s ', ' "$cells")]}
stages:
  data:
    kind: fetch
    files:
      shards: {count: 2, name: "shard_{i:05d}.parquet", urls: ["builtin:tiny-world/{file}"], check: {format: parquet, columns: [text]}}
      val: {name: shard_val.parquet, urls: ["builtin:tiny-world/{file}"], check: {format: parquet, columns: [text]}}
      chats: {name: conversations.jsonl, urls: ["builtin:tiny-world/{file}"], check: {format: jsonl, record: conversation}}
      choices: {name: choices.jsonl, urls: ["builtin:tiny-world/{file}"], check: {format: jsonl}}
  tokenizer: {kind: train-tokenizer, in: {text: data.shards}, vocab_size: 300, max_chars: 20000}
  tokens: {kind: tokenize, in: {tokenizer: tokenizer, train: data.shards, val: data.val}}
  base:
    kind: base-train
    in: {tokenizer: tokenizer, tokens: tokens}
    model: {arch: nanochat-2025, depth: 1, n_embd: 32, head_dim: 16, sequence_len: 32}
    seed: \${vars.seed}
    batch: {tokens: 64, device_rows: 2}
    horizon: {steps: 4}
    gate: ["finite(loss)"]
  mid: {kind: mid-train, in: {model: base, tokenizer: tokenizer}, mixture: [{task: conversations, in: data.chats, rows: 16}], batch: {tokens: 64, device_rows: 2}, horizon: {steps: 2}}
  sft: {kind: sft, in: {model: mid, tokenizer: tokenizer}, mixture: [{task: conversations, in: data.chats, rows: 16}], batch: {tokens: 64, device_rows: 2}, horizon: {steps: 2}}
  direct: {kind: sft, in: {model: base, tokenizer: tokenizer}, mixture: [{task: conversations, in: data.chats, rows: 16}], batch: {tokens: 64, device_rows: 2}, horizon: {steps: 2}}
  eval: {kind: eval, in: {models: [base, mid, sft], tokenizer: tokenizer, tokens: tokens}, tasks: [bpb], bpb_tokens: 64}
  compare: {kind: eval, in: {models: [direct], tokenizer: tokenizer, tokens: tokens}, tasks: [bpb], bpb_tokens: 64}
  export: {kind: export, in: {model: sft, tokenizer: tokenizer}}
YAML

# measure WHAT COMMAND...: the best of five, processor time and wall time.
TIMEFORMAT='%U %S %R'
measure() {
    local what=$1 best
    shift
    best=$(for _ in 1 2 3 4 5; do { time "$@" >/dev/null 2>&1; } 2>&1; done |
        awk '{cpu = $1 + $2; if (NR == 1 || cpu < c) {c = cpu; w = $3}} END {print c, w}')
    echo "$what: ${best% *} s of processor, ${best#* } s of wall time (best of 5)"
    cpu_s=${best% *}
}
measure "plan of $((cells * 10)) stages, nothing made" "$runnel" plan sweep.yaml
nothing_s=$cpu_s
measure "check" "$runnel" check sweep.yaml
"$runnel" run sweep.yaml --cell 1 --threads 1 >/dev/null 2>&1
measure "plan, the stages that the cells share are made" "$runnel" plan sweep.yaml
awk -v s="$nothing_s" -v n="$cells" 'BEGIN {exit !(n > 1000 || s < 1)}' || {
    echo "FAIL: a second or more"
    exit 1
}
