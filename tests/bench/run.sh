#!/usr/bin/env bash
# Throughput of this machine: tokenizer training, tokenizing, base training of three shapes.
#   tests/bench/run.sh build/runnel [THREADS]
# Numbers of shared machines drift: compare medians of runs made side by side.
set -euo pipefail
runnel=$(realpath "$1")
threads=${2:-0}
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUNNEL_CACHE="$work/cache" CI=true
cp "$here/bench.yaml" "$work"
cd "$work"

shape() { # LABEL OVERRIDES...
    local label=$1
    shift
    "$runnel" run bench.yaml --runs "runs" --threads "$threads" "$@" >out 2>&1 || { tail out; exit 1; }
    local tag
    tag=$(head -n 1 out | cut -d' ' -f1)
    "$runnel" metrics "$tag" --stage base --to csv >rows.csv
    awk -F, -v label="$label" 'NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i; next}
        $at["tok_per_sec"] != "" {speed[++n] = $at["tok_per_sec"]; mfu[n] = $at["mfu"]}
        END {asort_n(speed, n); asort_n(mfu, n); printf "%-44s %8.0f tok/s  mfu %4.1f %%\n", label, speed[int((n+1)/2)], mfu[int((n+1)/2)]}
        function asort_n(a, n, i, j, t) {for (i = 2; i <= n; i++) {t = a[i]; for (j = i - 1; j >= 1 && a[j] + 0 > t + 0; j--) a[j+1] = a[j]; a[j+1] = t}}' rows.csv
}
shape "nanochat-2025 d4, T 256, 16 rows"
shape "nanochat-2026 d4, T 256, 16 rows" vars.arch=nanochat-2026
shape "gpt2 12 layers of 768, T 256, 4 rows" vars.arch=gpt2 vars.depth=12 vars.rows=4 vars.steps=4
