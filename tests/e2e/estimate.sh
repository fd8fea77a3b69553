# `runnel estimate` says what is known of both eras (counts of nanochat's own code).
. "$SRC/tests/e2e/lib.bash"
row() { # ARCH DEPTH: params, steps and batch of its row
    "$RUNNEL" estimate --json --arch "$1" --depth "$2" --rate 1e15 |
        sed 's/.*"batch_tokens":\([0-9]*\).*"params":\([0-9]*\).*"steps":\([0-9]*\).*/\2 \3 \1/'
}
check() { # ARCH DEPTH PARAMS STEPS BATCH
    [ "$(row "$1" "$2")" = "$3 $4 $5" ] || fail "$1 d$2 is $(row "$1" "$2"), not $3 $4 $5"
}
check nanochat-2025 12 185597952 7080 524288
check nanochat-2025 16 335544320 12800 524288
check nanochat-2025 20 560988160 21400 524288
check nanochat-2025 24 880803840 33600 524288
check nanochat-2025 32 1879048192 71680 524288
check nanochat-2026 12 286261730 2520 524288
check nanochat-2026 16 536871738 5376 524288
check nanochat-2026 20 896533746 4980 1048576
check nanochat-2026 24 1384122122 8352 1048576
check nanochat-2026 32 2818575450 9600 2097152

expect 0 "$RUNNEL" estimate --arch nanochat-2025 --depth 16 --depth 20 --rate 866e12
says "335544320"
says "12800"
says "560988160"
expect 0 "$RUNNEL" estimate --arch gpt2 --depth 12 --steps 95365 --rate 1e14
says "124439808"
says "50.0 B" # tokens: 5 x 19,073 x 524,288
expect 0 "$RUNNEL" estimate --depth 4 # the rate is measured here
says "a product of matrices on this machine"
expect 2 "$RUNNEL" estimate --depth four --rate 1
says "--depth is a whole number"
expect 2 "$RUNNEL" estimate --rate fast
expect 3 "$RUNNEL" estimate --arch nanochat-2024 --rate 1
says "did you mean 'nanochat-202"
