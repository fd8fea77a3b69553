#!/usr/bin/env bash
# What a GPU says about the CUDA backend, in about half an hour: is it right, and how fast is it.
#
#   tools/gpu_check.sh bundle DIR       all that is needed, for a machine that has a GPU and little else
#   DIR/gpu_check.sh [PART ...]         there; or here: BUILD=build tools/gpu_check.sh [PART ...]
#   tools/gpu_check.sh --emulated       the same steps, small, without a GPU (a test of this script)
#
# Parts, the most valuable first, each of at most seven minutes: probe ops replay resume speed sizes
# sanitizer profile. Results lie in $OUT (gpu-check): at most eight files, and a table at the end.
# Clocks, power limits and partitions of the card are left as they are.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
BUILD=${BUILD:-$root/build}
OUT=${OUT:-gpu-check}
device=cuda
PART_S=420

bundle() { # DIR: programs, plugins and the libraries that a bare machine lacks
    local dir=$1 file
    mkdir -p "$dir/lib" "$dir/golden"
    for file in runnel librunnel-cpu.so librunnel-cuda.so bench-step test-kernels; do
        cp "$BUILD/$file" "$dir/" || return 1
        ldd "$BUILD/$file" | awk '$3 ~ /^\// && $3 !~ /lib(cuda|cublas|cudnn|c|m|dl|pthread)(Lt)?\.so/ {print $3}'
    done | sort -u | xargs -I{} cp -Lu {} "$dir/lib/"
    cp "$root"/tests/golden/*-tiny.safetensors "$dir/golden/"
    cp "$root/tests/e2e/mini.yaml" "$root/tools/gpu_check.sh" "$dir/"
    du -sh "$dir"
}
[ "${1:-}" = bundle ] && { bundle "${2:?a folder}"; exit; }

if [ -x "$here/runnel" ]; then # inside a bundle
    BUILD=$here golden=$here/golden mini=$here/mini.yaml
else
    golden=$root/tests/golden mini=$root/tests/e2e/mini.yaml
fi
BUILD=$(cd "$BUILD" && pwd) || exit 2
emulated=
[ "${1:-}" = --emulated ] && { emulated=1 device=cuda-emu; shift; }
parts=("$@")
[ ${#parts[@]} -eq 0 ] && parts=(probe ops replay resume speed sizes sanitizer profile)
mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd) || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUNNEL_CACHE="$work/cache" BENCH_DEVICE=$device
[ -z "$emulated" ] && export RUNNEL_TEST_GPU=1
: >"$OUT/summary.tsv"

# CUDA's libraries may lie in a Python environment.
find_libraries() {
    local found
    for found in cublasLt cudnn; do
        find / -xdev -name "lib$found.so.*" -not -path '/proc/*' 2>/dev/null | head -n 1 | xargs -r dirname
    done | sort -u | paste -sd:
}
[ -z "$emulated" ] && LD_LIBRARY_PATH="$BUILD/lib:$(find_libraries):${LD_LIBRARY_PATH:-}" &&
    export LD_LIBRARY_PATH

say() { # STEP RESULT DETAIL...
    printf '%s\t%s\t%s\n' "$1" "$2" "${*:3}" | tee -a "$OUT/summary.tsv"
}
# limited COMMAND...: stopped where its part's time ends.
limited() { timeout $((PART_S - (SECONDS - part_start))) "$@"; }
# judge STEP FILE COMMAND...: ok or FAILED by its exit status; all it says goes to FILE.
judge() {
    local step=$1 file=$2 start=$SECONDS
    shift 2
    printf '\n== %s: %s\n' "$step" "$*" >>"$file"
    if "$@" >>"$file" 2>&1; then
        say "$step" ok "$((SECONDS - start)) s"
    else
        say "$step" FAILED "exit $?, see ${file##*/}"
    fi
}

probe() {
    {
        date -u +%FT%TZ
        "$BUILD/runnel" version
        uname -srm
        command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version,power.limit,clocks.max.sm,clocks.max.memory,memory.total --format=csv
        echo "libraries: ${LD_LIBRARY_PATH:-of the system}"
    } >"$OUT/env.txt" 2>&1
    say card "$(sed -n '/^name/{n;p;q}' "$OUT/env.txt")"
}

# Every op against its reference in double precision, in fp32 and bf16.
ops() {
    local filter='cuda_device/*'
    [ -n "$emulated" ] && filter='cuda_device/linear'
    judge ops "$OUT/ops.txt" limited "$BUILD/test-kernels" --filter "$filter" --jobs 1
}

# Recorded trajectories, and twice the same bits.
replay() {
    local name precision
    local names=(gpt2 nanochat-2025 nanochat-2026) precisions=(fp32 bf16)
    [ -n "$emulated" ] && return
    for name in "${names[@]}"; do
        for precision in "${precisions[@]}"; do
            judge "replay $name $precision" "$OUT/parity.txt" \
                limited "$BUILD/runnel" replay "$golden/$name-tiny.safetensors" --device "$device" --precision "$precision"
        done
        for n in 1 2; do
            RUNNEL_CUDA_DETERMINISTIC=1 "$BUILD/runnel" replay "$golden/$name-tiny.safetensors" \
                --device "$device" --precision bf16 >"$work/$name.$n" 2>/dev/null
        done
        judge "bits $name" "$OUT/parity.txt" cmp "$work/$name.1" "$work/$name.2"
    done
}

train() { # RUNS DEVICE OPTIONS...
    limited "$BUILD/runnel" run "$work/mini.yaml" --until base --runs "$work/$1" --device "$2" \
        "${training[@]}" "${@:3}"
}
model_of() { ls "$work/$1"/.store/base-train-*[0-9a-f]/model/model.safetensors; }
last_loss() { sed -n 's/.*"loss":\([0-9.]*\).*/\1/p' "$work/$1"/mini-*/metrics/base.jsonl | tail -n 1; }
# Trained on both devices; killed and resumed: equal bits.
resume() {
    local runner training=(base.checkpoint.every=2 base.checkpoint.keep=99 base.eval.bpb.every=0)
    if [ -n "$emulated" ]; then
        training+=(base.horizon.steps=4 base.model.n_embd=32 base.model.sequence_len=32
                   base.batch.tokens=64 base.batch.device_rows=2)
    else
        training+=(base.horizon.steps=50)
    fi
    export RUNNEL_CUDA_DETERMINISTIC=1
    cp "$mini" "$work/mini.yaml"
    judge "train cpu fp32" "$OUT/parity.txt" train cpu cpu base.precision=fp32
    for precision in fp32 bf16; do
        [ -n "$emulated" ] && [ $precision = bf16 ] && continue
        judge "train $precision" "$OUT/parity.txt" train "$precision" "$device" base.precision=$precision
        say "last loss" "$(last_loss "$precision")" "$precision on $device; $(last_loss cpu) in fp32 on the processor"
    done
    "$BUILD/runnel" run "$work/mini.yaml" --until base --runs "$work/killed" --device "$device" \
        "${training[@]}" base.precision=fp32 >/dev/null 2>&1 &
    runner=$!
    until compgen -G "$work/killed/.store/base-train-*.work/step_000002/manifest.json" >/dev/null ||
        ! kill -0 $runner 2>/dev/null; do sleep 0.02; done
    kill -KILL $(cat "/proc/$runner/task/$runner/children" 2>/dev/null) $runner 2>/dev/null
    wait $runner 2>/dev/null
    judge "resume" "$OUT/parity.txt" train killed "$device" base.precision=fp32
    judge "bits resumed" "$OUT/parity.txt" cmp "$(model_of fp32)" "$(model_of killed)"
    unset RUNNEL_CUDA_DETERMINISTIC
}

bench() { # NAME ARCH DEPTH HEAD_DIM T ROWS VOCAB
    local name=$1 file="$work/bench.$1"
    shift
    if limited "$BUILD/bench-step" "$@" "$precision" 0 "$repeats" >"$file" 2>>"$OUT/times.txt"; then
        say "$name" "$(awk '$1 == "tokens" {print $2 " tok/s"}' "$file")" \
            "$(awk '$1 ~ /^(step|optimizer|mfu|peak)$/ {printf "%s %s %s  ", $1, $2, $3}' "$file")"
        sed "s/^/$name\t/" "$file" >>"$OUT/perf.tsv"
    else
        say "$name" FAILED "see times.txt"
    fi
}
# The models of the targets, at micro-steps of 65,536 tokens (d24: 32,768), V 32768.
speed() {
    local precision=bf16 repeats=30
    [ -n "$emulated" ] && { precision=fp32 repeats=1; bench tiny nanochat-2026 1 32 32 2 64; return; }
    bench gpt2-124m gpt2 12 64 1024 64 50257
    bench d12 nanochat-2026 12 128 2048 32 32768
    bench d24 nanochat-2026 24 128 2048 16 32768
    bench d16 nanochat-2026 16 128 2048 32 32768
    bench d20 nanochat-2026 20 128 2048 32 32768
}
# What graphs, other batches and determinism change; where the time goes.
sizes() {
    local precision=bf16 repeats=10
    [ -n "$emulated" ] && return
    RUNNEL_CUDA_GRAPHS=0 bench d12-no-graph nanochat-2026 12 128 2048 32 32768
    RUNNEL_CUDA_DETERMINISTIC=1 bench d12-deterministic nanochat-2026 12 128 2048 32 32768
    bench d12-rows-8 nanochat-2026 12 128 2048 8 32768
    BENCH_OPS=1 bench d12-ops nanochat-2026 12 128 2048 32 32768
    BENCH_OPS=1 bench d24-ops nanochat-2026 24 128 2048 16 32768
}

sanitizer() {
    local tool
    command -v compute-sanitizer >/dev/null || { say sanitizer absent; return; }
    for tool in memcheck racecheck initcheck synccheck; do
        judge "$tool" "$OUT/sanitizer.txt" limited compute-sanitizer --tool $tool --error-exitcode 9 \
            "$BUILD/runnel" replay "$golden/nanochat-2026-tiny.safetensors" --device "$device" --precision bf16
    done
}
profile() {
    command -v ncu >/dev/null || { say profile absent; return; }
    judge profile "$OUT/profile.txt" limited ncu --clock-control none --launch-count 60 \
        --metrics dram__throughput.avg.pct_of_peak_sustained_elapsed,sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active \
        "$BUILD/bench-step" nanochat-2026 2 128 2048 16 32768 bf16 0 1
}

for part in "${parts[@]}"; do
    part_start=$SECONDS
    case $part in
    probe | ops | replay | resume | speed | sizes | sanitizer | profile) "$part" ;;
    *)
        echo "gpu_check: no part '$part'" >&2
        exit 2
        ;;
    esac
done
echo
column -t -s "$(printf '\t')" "$OUT/summary.tsv" 2>/dev/null || cat "$OUT/summary.tsv"
! grep -qP '\tFAILED\t' "$OUT/summary.tsv"
