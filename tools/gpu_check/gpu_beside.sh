# Of gpu_check.sh: what stands beside, and what looks deeper. The parts fp8, nccl, peers, sanitizer
# and profile.

# The models that FP8 is for, beside bf16 of `speed`; recorded trajectories in it.
fp8() {
    local precision=fp8 repeats=20 name
    ours 20 "$BUILD/runnel" schema | grep -q '"fp8"' || { say fp8 absent "not in this build"; return; }
    [ -n "$emulated" ] && { repeats=1; bench tiny-fp8 nanochat-2026 1 32 32 2 64; return; }
    meter_start
    bench d24-fp8 nanochat-2026 24 128 2048 16 32768
    bench d20-fp8 nanochat-2026 20 128 2048 32 32768
    bench d12-fp8 nanochat-2026 12 128 2048 32 32768
    meter_end
    for name in gpt2 nanochat-2025 nanochat-2026; do
        judge "replay $name fp8" parity.txt replay_of "$name" fp8
    done
}

# --- ranks ---

# A world of one: every call of the collectives, and the bits of a run without them.
alone_of_one() {
    local training=(base.eval.bpb.every=0 base.horizon.steps=6) how
    ours 20 "$BUILD/runnel" run --help | grep -q -- '--gpus' || { echo "not in this build"; return 77; }
    [ -n "$emulated" ] && training+=(base.model.n_embd=32 base.model.sequence_len=32
                                     base.batch.tokens=64 base.batch.device_rows=2)
    cp "$mini" "$work/mini.yaml"
    for how in "" "--gpus 1"; do
        ours 120 "$BUILD/runnel" run "$work/mini.yaml" --until base --runs "$work/rank${how:+s}" \
            --device "$device" "${training[@]}" $how || return
    done
    cmp "$(model_of rank)" "$(model_of ranks)"
}
nccl() {
    judge "one rank" parity.txt alone_of_one
}

# --- others on the same card ---

peer() { # NAME COMMAND...: lines "step X ms", "optimizer X ms"
    local name=$1 tokens=$2 file="$work/peer.$1" code
    printf '\n== %s\n' "$*" >>"$OUT/times.txt"
    limited 150 "${@:3}" >"$file" 2>>"$OUT/times.txt"
    code=$?
    sed "s/^/$name\t/" "$file" >>"$OUT/perf.tsv"
    [ $code -eq 0 ] || { say "$name" late "exit $code, see times.txt"; return; }
    say "$name" ok "$(awk -v tokens="$tokens" '
        $1 == "step" { step = $2 } $1 == "optimizer" { update = $2 }
        $1 == "torch" || $1 == "attention" || $1 == "peak" { more = more ", " $0 }
        END { count = tokens < 524288 ? 524288 / tokens : 1
              printf "%.0f tok/s, step %s ms, optimizer %s ms%s", \
                     count * tokens / (count * step + update) * 1e3, step, update, more }' "$file")"
}
torch_peer() { # NAME TOKENS KIND DEPTH HEAD_DIM T ROWS VOCAB
    peer "$1" "$2" env -u LD_LIBRARY_PATH python3 "$peers/train_peer.py" "${@:3}" bf16 compile 10
}
# A shard as llm.c reads it: 256 numbers of heading, then two million tokens below 50257.
llmc_shard() { # FILE
    {
        printf '\x98\xd8\x34\x01\x01\0\0\0\x80\x84\x1e\0'
        head -c 1012 /dev/zero
        head -c 4000000 /dev/urandom | LC_ALL=C tr '\304-\377' '\0-\073'
    } >"$1"
}
llmc() {
    llmc_shard "$work/shard.bin"
    env -u LD_LIBRARY_PATH "$LLMC/train_gpt2cu" -i "$work/shard.bin" -j "$work/shard.bin" -e d12 \
        -b 64 -t 1024 -d 65536 -x 30 -v 0 -s 0 -h 0 |
        awk '/^step/ { for (i = 2; i <= NF; i++) if ($i == "ms") ms[++n] = $(i - 1) }
             END { if (!n) exit 1; print "step", ms[int(n / 2) + 1], "ms"; print "optimizer 0 ms" }'
}
nanochat() {
    [ -n "$NANOCHAT" ] || { say nanochat absent "SKIPPED: \$NANOCHAT names no checkout"; return; }
    torch_peer nanochat-d12 65536 nanochat 12 128 2048 32 32768
    torch_peer nanochat-d24 32768 nanochat 24 128 2048 16 32768
    torch_peer nanochat-d20 65536 nanochat 20 128 2048 32 32768
}
peers() {
    [ -n "$emulated" ] && { say peers absent "no card"; return; }
    if ! python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
        say torch absent "SKIPPED: python3 has no torch that sees the card"
    else
        torch_peer torch-gpt2-124m 65536 gpt2 12 64 1024 64 50257
        nanochat
    fi
    if [ -x "$LLMC/train_gpt2cu" ]; then
        peer llmc-124m 65536 llmc
    else
        say "llm.c" absent "SKIPPED: \$LLMC names no checkout with train_gpt2cu"
    fi
}

# --- deeper ---

sanitizer() {
    local tool
    command -v compute-sanitizer >/dev/null || { say sanitizer absent; return; }
    for tool in memcheck racecheck initcheck synccheck; do
        judge "$tool" checks.txt ours 100 compute-sanitizer --tool $tool --error-exitcode 9 \
            "$BUILD/runnel" replay "$data/nanochat-2026-tiny.safetensors" --device "$device" \
            --precision bf16
    done
}
profile() {
    local counters=dram__throughput.avg.pct_of_peak_sustained_elapsed
    counters+=,sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active
    command -v ncu >/dev/null || { say profile absent; return; }
    judge profile checks.txt ours 200 ncu --clock-control none --launch-count 120 \
        --metrics "$counters" "$BUILD/bench-step" nanochat-2026 2 128 2048 16 32768 bf16 0 1
}
