#!/usr/bin/env bash
# Training steps side by side with PyTorch and llm.c: medians of runs that take turns, in tokens a
# second, and the most memory that a process had.   tests/bench/train.sh BUILD [REPEATS [ROUNDS]]
#
#   TORCH_PYTHON    python with torch
#   NANOCHAT        checkout of nanochat
#   LLMC            checkout of llm.c: one step of its CPU program a table, its first
#   LONG=1          rows of 1,024 tokens for GPT-2, and the d6 recipe at 32 rows
#
# Who is not there is left out of the table, and the table says so. A step of the d6 recipe is four
# micro-steps of 8 rows of 512 (or one of 32) and an update; one of GPT-2 a micro-step and an update.
set -euo pipefail
build=$(realpath "$1")
repeats=${2:-5}
rounds=${3:-3}
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for peer in TORCH_PYTHON NANOCHAT LLMC; do
    [ -n "${!peer:-}" ] || echo "$peer is not given: that peer is left out" >&2
done

failed() { # WHO...
    tail -n 3 "$work/err" >&2
    echo "a peer failed: $*" >&2
}
ours() { # FILE SHAPE... PRECISION
    "$build/bench-step" "${@:2}" 0 "$repeats" >>"$1"
}
peer() { # FILE KIND SHAPE... PRECISION MODE
    [ -n "${TORCH_PYTHON:-}" ] || return 0
    [ "$2" != nanochat ] || [ -n "${NANOCHAT:-}" ] || return 0
    "$TORCH_PYTHON" "$here/train_peer.py" "${@:2}" "$repeats" >>"$1" 2>>"$work/err" || failed "$@"
}
llmc() { # FILE T ROWS
    [ -n "${LLMC:-}" ] || return 0
    [ -x "$work/llmc-step" ] || "${CC:-cc}" -Ofast -march=native -fopenmp -w -I "$LLMC" \
        "$here/llmc_step.c" -lm -o "$work/llmc-step" 2>>"$work/err" || { failed llm.c; return 0; }
    "$work/llmc-step" "$2" "$3" >>"$1" 2>>"$work/err" || failed llm.c
}
median() { # FILE NAME: of the rounds; nothing if it has none
    [ ! -s "$1" ] || awk -v name="$2" '$1 == name {print $2}' "$1" | sort -g |
        awk '{v[NR] = $1} END {if (NR) print v[int((NR + 1) / 2)]}'
}
whole() { # FILE MICRO-STEPS: ms of a step with its update
    awk -v s="$(median "$1" step)" -v u="$(median "$1" optimizer)" -v m="$2" 'BEGIN {
        if (s != "") printf "%.2f", s * m + u}'
}
row() { # LABEL FILE TOKENS MICRO-STEPS TABLE
    [ -n "$(whole "$2" "$4")" ] || { echo "| $1 | not run | | | | | |"; return; }
    awk -v label="$1" -v s="$(median "$2" step)" -v u="$(median "$2" optimizer)" \
        -v all="$(whole "$2" "$4")" -v n="$3" -v m="$4" -v rss="$(median "$2" rss)" \
        -v bf16="$(whole "$5.bf16" "$4")" -v fp32="$(whole "$5.fp32" "$4")" 'BEGIN {
        printf "| %s | %.0f | %.0f | %.0f | %.0f | %.2f x | %.2f x |\n", label, n / s * 1e3, u,
               n * m / all * 1e3, rss, all / bf16, all / fp32}'
}
facts() { # FILE: what the products take of our step
    printf 'Products alone: %s ms of %s ms (%s %%), %s GFLOP/s; %s MiB planned.\n\n' \
        "$(median "$1" products)" "$(median "$1" step)" "$(median "$1" products_share)" \
        "$(median "$1" products_rate)" "$(median "$1" memory)"
}

table() { # LABEL KIND ARCH DEPTH HEAD_DIM T ROWS VOCAB MICRO-STEPS MODE
    local label=$1 kind=$2 arch=$3 shape=("${@:4:5}") steps=$9 mode=${10} p
    local at=$work/$1 tokens=$((${6} * ${7}))
    for _ in $(seq "$rounds"); do
        for p in bf16 fp32; do
            ours "$at.$p" "$arch" "${shape[@]}" "$p"
            peer "$at.$p.peer" "$kind" "${shape[@]}" "$p" "$mode"
        done
        BENCH_RECOMPUTE=1 ours "$at.again" "$arch" "${shape[@]}" bf16
    done
    [ "$kind" != gpt2 ] || llmc "$at.llmc" "$6" "$7"
    echo "### $label"
    echo
    echo "| | tokens/s, forward and backward | update, ms | tokens/s, all | peak memory, MiB |" \
        "runnel bf16 against it | runnel fp32 against it |"
    echo "| --- | --- | --- | --- | --- | --- | --- |"
    for p in bf16 fp32; do
        row "runnel $p" "$at.$p" "$tokens" "$steps" "$at"
        row "$kind $p, PyTorch $mode" "$at.$p.peer" "$tokens" "$steps" "$at"
    done
    row "runnel bf16, recompute: block" "$at.again" "$tokens" "$steps" "$at"
    [ "$kind" != gpt2 ] || row "llm.c fp32" "$at.llmc" "$tokens" "$steps" "$at"
    echo
    for p in bf16 fp32; do
        printf '%s: ' "$p"
        facts "$at.$p"
    done
}

model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$model, $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg) at the start," \
    "$(date -u +%F); medians of $rounds rounds of $repeats."
[ -z "${TORCH_PYTHON:-}" ] ||
    echo "PyTorch $("$TORCH_PYTHON" -c 'import torch; print(torch.__version__)')."
echo
table "nanochat-2026 d6" nanochat nanochat-2026 6 64 512 8 32768 4 compile
table "GPT-2 124M, 4 x 256" gpt2 gpt2 12 64 256 4 50257 1 eager
"$here/start.sh" "$build"
[ -n "${LONG:-}" ] || exit 0
table "nanochat-2026 d6, 32 rows" nanochat nanochat-2026 6 64 512 32 32768 1 compile
table "GPT-2 124M, 4 x 1024" gpt2 gpt2 12 64 1024 4 50257 1 eager
