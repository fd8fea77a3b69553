#!/usr/bin/env bash
# Training steps side by side with PyTorch: medians of runs that take turns, in tokens a second.
#   tests/bench/train.sh BUILD [REPEATS [ROUNDS]]
# TORCH_PYTHON=python with torch, NANOCHAT=checkout of nanochat: who is not there is left out of the
# table, and the table says so. A step of the d6 recipe is four micro-steps of 8 rows of 512 and an
# update; one of GPT-2 is a micro-step and an update.
set -euo pipefail
build=$(realpath "$1")
repeats=${2:-5}
rounds=${3:-3}
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
torch=${TORCH_PYTHON:-}
[ -z "$torch" ] && echo "TORCH_PYTHON is not given: no peers, no ratios" >&2
[ -z "${NANOCHAT:-}" ] && echo "NANOCHAT is not given: nanochat itself is left out" >&2

ours() { # FILE SHAPE... PRECISION
    "$build/bench-step" "${@:2}" 0 "$repeats" >>"$1"
}
peer() { # FILE KIND SHAPE... PRECISION MODE
    [ -n "$torch" ] || return 0
    [ "$2" != nanochat ] || [ -n "${NANOCHAT:-}" ] || return 0
    "$torch" "$here/train_peer.py" "${@:2}" "$repeats" >>"$1" 2>>"$work/err" || {
        tail -n 3 "$work/err" >&2
        echo "a peer failed: $*" >&2
    }
}
median() { # FILE NAME: of the rounds; nothing if it has none
    [ -s "$1" ] && awk -v name="$2" '$1 == name {print $2}' "$1" | sort -g |
        awk '{v[NR] = $1} END {if (NR) print v[int((NR + 1) / 2)]}'
}
row() { # LABEL FILE TOKENS MICRO-STEPS OUR-FILE
    local step update
    step=$(median "$2" step || true)
    update=$(median "$2" optimizer || true)
    [ -n "$step" ] || { echo "| $1 | not run | | | |"; return; }
    awk -v label="$1" -v s="$step" -v u="$update" -v n="$3" -v m="$4" \
        -v ours="$(median "$5" step)" -v our_u="$(median "$5" optimizer)" 'BEGIN {
        printf "| %s | %.0f | %.0f | %.0f | %.2f x |\n", label, n / s * 1e3, u,
               n * m / (s * m + u) * 1e3, (s * m + u) / (ours * m + our_u)}'
}
facts() { # FILE: what the products take of our step
    printf 'Products alone: %s ms of %s ms (%s %%), %s GFLOP/s; %s MiB planned.\n\n' \
        "$(median "$1" products)" "$(median "$1" step)" "$(median "$1" products_share)" \
        "$(median "$1" products_rate)" "$(median "$1" memory)"
}

table() { # LABEL KIND ARCH DEPTH HEAD_DIM T ROWS VOCAB MICRO-STEPS MODE
    local label=$1 kind=$2 arch=$3 shape=("${@:4:5}") steps=$9 mode=${10} p
    for _ in $(seq "$rounds"); do
        for p in bf16 fp32; do
            ours "$work/$label.$p" "$arch" "${shape[@]}" "$p"
            peer "$work/$label.$p.peer" "$kind" "${shape[@]}" "$p" "$mode"
        done
    done
    echo "### $label"
    echo
    echo "| | tokens/s, forward and backward | update, ms | tokens/s, all | runnel bf16 against it |"
    echo "| --- | --- | --- | --- | --- |"
    for p in bf16 fp32; do
        row "runnel $p" "$work/$label.$p" $((shape[2] * shape[3])) "$steps" "$work/$label.bf16"
        row "$kind $p, $mode" "$work/$label.$p.peer" $((shape[2] * shape[3])) "$steps" \
            "$work/$label.bf16"
    done
    echo
    for p in bf16 fp32; do
        printf '%s: ' "$p"
        facts "$work/$label.$p"
    done
}

model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$model, $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg) at the start," \
    "$(date -u +%F); medians of $rounds rounds of $repeats."
[ -n "$torch" ] && echo "PyTorch $("$torch" -c 'import torch; print(torch.__version__)')."
echo
table "nanochat-2026 d6" nanochat nanochat-2026 6 64 512 8 32768 4 compile
table "GPT-2 124M, 4 x 256" gpt2 gpt2 12 64 256 4 50257 1 eager
[ -z "${LONG:-}" ] || table "GPT-2 124M, 4 x 1024" gpt2 gpt2 12 64 1024 4 50257 1 eager
"$here/start.sh" "$build"
