#!/usr/bin/env bash
# How long a training of 4M tokens a second waits for its batches: from parquet text as it is, and
# from token shards made of it.          tests/bench/loader.sh build [RATE] [SECONDS]
# Needs ninja and ../shared of the source tree.
set -euo pipefail
build=$(realpath "$1") rate=${2:-4e6} seconds=${3:-20}
shared=$(cd "$(dirname "$0")/../../.." && pwd)/shared
[ -d "$shared" ] || { echo "SKIP: there is no shared data"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ninja -C "$build" runnel bench-loader >/dev/null
cp "$shared/golden/nanochat-32k.tiktoken" "$work/vocabulary.tiktoken"
cat >"$work/bench.yaml" <<EOF
runnel: 1
name: bench
stages:
  data:
    kind: fetch
    files:
      shards: {count: 4, name: "shard_{i:05d}.parquet", urls: ["$shared/data/base_data/{file}"]}
      ranks: {urls: [vocabulary.tiktoken]}
  tokenizer: {kind: train-tokenizer, import: data.ranks, pattern: nanochat}
  tokens: {kind: tokenize, in: {tokenizer: tokenizer, train: data.shards}}
EOF
(cd "$work" && RUNNEL_CACHE=$work/cache "$build/runnel" run bench.yaml --runs runs >log 2>&1) ||
    { cat "$work/log"; exit 1; }
for rows in stream bestfit; do
    for from in "$shared"/data/base_data "$work"/runs/.store/tokenize-*/tokens; do
        case $from in *base_data) echo -n "text,   " ;; *) echo -n "tokens, " ;; esac
        "$build/bench-loader" "$work/vocabulary.tiktoken" $rows "$rate" "$seconds" \
            $(ls "$from"/*.parquet "$from"/*.bin 2>/dev/null)
    done
done
