# Of gpu_check.sh: is it right? The parts probe, ops, replay and resume.

probe() {
    {
        date -u +%FT%TZ
        ours 20 "$BUILD/runnel" version
        uname -srm
        command -v nvidia-smi >/dev/null && limited 30 nvidia-smi --query-gpu=name,driver_version,power.limit,clocks.max.sm,clocks.max.memory,memory.total --format=csv
    } >>"$OUT/env.txt" 2>&1
    say card "$(sed -n '/^name,/{n;p;q}' "$OUT/env.txt" | tr , ' ' | cut -c1-60 | grep . || echo none)"
    [ -n "$emulated" ] || judge "first steps" parity.txt replay_of gpt2 fp32
}

# Every op against its reference in double precision, in fp32 and bf16.
ops() {
    local filter='cuda_device/*'
    [ -n "$emulated" ] && filter='cuda_device/linear'
    judge ops ops.txt ours 300 "$BUILD/test-kernels" --filter "$filter" --jobs 1
}

replay_of() { # NAME PRECISION
    ours 60 "$BUILD/runnel" replay "$data/$1-tiny.safetensors" --device "$device" --precision "$2"
}
bits_of() { # NAME: twice the same
    local n
    for n in 1 2; do replay_of "$1" fp32 >"$work/$1.$n" || return; done
    cmp "$work/$1.1" "$work/$1.2"
}
# Recorded trajectories, and twice the same bits.
replay() {
    local name precision
    [ -n "$emulated" ] && return # tests/e2e/cuda_emu.sh has them
    for name in gpt2 nanochat-2025 nanochat-2026; do
        for precision in fp32 bf16; do
            judge "replay $name $precision" parity.txt replay_of "$name" $precision
        done
        judge "bits $name" parity.txt bits_of "$name"
    done
}

# --- trainings ---

train() { # RUNS STEPS DEVICE PRECISION
    ours 120 "$BUILD/runnel" run "$work/mini.yaml" --until base --runs "$work/$1" --device "$3" \
        "${training[@]}" base.horizon.steps="$2" base.precision="$4"
}
model_of() { ls "$work/$1"/.store/base-train-*[0-9a-f]/model/model.safetensors; }
last_loss() {
    sed -n 's/.*"loss":\([0-9.]*\).*/\1/p' "$(ls -td "$work/$1"/mini-* | head -n 1)/metrics/base.jsonl" |
        tail -n 1
}
# near RUNS MOST: the last loss differs from the processor's by a part of MOST at most.
near() {
    awk -v got="$(last_loss "$1")" -v want="$(last_loss cpu)" -v most="$2" 'BEGIN {
        d = got / want - 1
        printf "last loss %s, %s in fp32 on the processor: %+.1e, at most %s\n", got, want, d, most
        exit !(got > 0 && d < most && -d < most)}'
}
killed() { # STEPS: a training that is killed once its second step is saved
    local runner
    train killed "$1" "$device" bf16 >/dev/null 2>&1 &
    runner=$!
    until compgen -G "$work/killed/.store/base-train-*.work/step_000002/manifest.json" >/dev/null ||
        ! kill -0 $runner 2>/dev/null; do sleep 0.02; done
    kill_tree $runner
    wait $runner 2>/dev/null
    [ -z "$(model_of killed 2>/dev/null)" ] # killed too late: nothing is proved
}
kill_tree() { # PID, with all that it has started
    local child
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do kill_tree "$child"; done
    kill -KILL "$1" 2>/dev/null
}

# Trained on both devices; killed and resumed: equal bits; begun on one, continued on the other.
resume() {
    local steps=50
    local training=(base.checkpoint.every=2 base.checkpoint.keep=99 base.eval.bpb.every=0
                    base.schedule.kind=constant base.deterministic=true)
    [ -n "$emulated" ] && steps=6 &&
        training+=(base.model.n_embd=32 base.model.sequence_len=32 base.batch.tokens=64
                   base.batch.device_rows=2)
    cp "$mini" "$work/mini.yaml"
    judge "train cpu" parity.txt train cpu $steps cpu fp32
    for precision in fp32 bf16; do
        judge "train $precision" parity.txt train $precision $steps "$device" $precision
    done
    judge "loss fp32" parity.txt near fp32 1e-4
    judge "loss bf16" parity.txt near bf16 1e-2
    judge "train bf16 again" parity.txt train again $steps "$device" bf16
    judge "bits bf16" parity.txt cmp "$(model_of bf16)" "$(model_of again)"
    judge "killed" parity.txt killed $steps
    judge "resume" parity.txt train killed $steps "$device" bf16
    judge "bits resumed" parity.txt cmp "$(model_of bf16)" "$(model_of killed)"
    judge "moved to gpu" parity.txt eval "train moved 2 cpu fp32 && train moved 4 $device fp32"
    judge "and back" parity.txt train moved $steps cpu fp32
    judge "loss moved" parity.txt near moved 1e-4
}
