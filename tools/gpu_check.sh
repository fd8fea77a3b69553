#!/usr/bin/env bash
# What a GPU says about the CUDA backend, in about half an hour: is it right, and how fast is it.
#
#   tools/gpu_check.sh bundle DIR       all that is needed, for a machine that has a GPU and little else
#   DIR/gpu_check.sh [PART ...]         there; or here: BUILD=build tools/gpu_check.sh [PART ...]
#   tools/gpu_check.sh --emulated       the same steps, small, without a GPU (a test of this script)
#   tools/gpu_check.sh publish OUT ...  what came back, into docs/performance-gpu.md
#
# Parts, the most valuable first: probe ops replay resume | speed monitor sizes | fp8 nccl peers |
# sanitizer profile. `right`, `fast`, `beside` and `deep` name the four groups, for machines that end
# a command after ten minutes. A part takes seven minutes at most, each of its steps has a limit of
# its own, and what fails costs its own result only.
#
# Results lie in $OUT (gpu-check), written as they come: eight files at most. LIMIT_S ends all of it.
# $NANOCHAT and $LLMC name checkouts of what is raced against. Clocks, power limits and partitions of
# the card are left as they are.
set -u
here=$(cd "$(dirname "$0")" && pwd)
parts_dir=$here/gpu_check
root=$(cd "$here/.." && pwd)
PART_S=420
LIMIT_S=${LIMIT_S:-86400}
declare -A groups=([right]="probe ops replay resume" [fast]="speed monitor sizes"
                   [beside]="fp8 nccl peers" [deep]="sanitizer profile")
all_parts="${groups[right]} ${groups[fast]} ${groups[beside]} ${groups[deep]}"

case ${1:-} in
bundle | publish)
    verb=$1
    shift
    . "$parts_dir/gpu_$verb.sh"
    "$verb" "$@"
    exit
    ;;
esac

emulated= device=cuda
[ "${1:-}" = --emulated ] && { emulated=1 device=cuda-emu; shift; }
parts=()
for name in "${@:-$all_parts}"; do
    for part in ${groups[$name]:-$name}; do
        case " $all_parts " in *" $part "*) parts+=("$part") ;; *)
            echo "gpu_check: no part '$part': $all_parts" >&2
            exit 2
            ;;
        esac
    done
done

OUT=${OUT:-gpu-check}
mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd) || exit 2
summary=$OUT/summary.tsv
: >"$summary"
work=$(mktemp -d)
helper= # a process beside a step
ended() {
    [ -n "$helper" ] && kill "$helper" 2>/dev/null
    printf '\n%s: %d ok, %d FAILED, %d left out\n' "$summary" "$(grep -cP '\tok\t' "$summary")" \
        "$(grep -cP '\tFAILED\t' "$summary")" "$(grep -cP '\t(absent|late)\t' "$summary")"
    rm -rf "$work"
}
trap ended EXIT
trap 'exit 1' INT TERM

if [ -e "$here/built.tar.gz" ]; then # a bundle
    BUILD=$work/built data=$here/data peers=$here/peers
    mkdir "$BUILD" && tar xzf "$here/built.tar.gz" -C "$BUILD" || exit 2
else
    data=$root/tests/golden peers=$root/tests/bench
    BUILD=$(cd "${BUILD:-$root/build}" && pwd) || exit 2
fi
mini=$data/mini.yaml
[ -e "$mini" ] || mini=$root/tests/e2e/mini.yaml
[ -d "$here/peers/nanochat" ] && NANOCHAT=${NANOCHAT:-$here/peers/nanochat}
export RUNNEL_CACHE="$work/cache" BENCH_DEVICE=$device NANOCHAT=${NANOCHAT:-} LLMC=${LLMC:-}
[ -z "$emulated" ] && export RUNNEL_TEST_GPU=1
library_path=${LD_LIBRARY_PATH:-}
[ -d "$BUILD/lib" ] && library_path=$BUILD/lib:$library_path # of our programs alone

# --- what steps are made of ---

say() { # STEP RESULT DETAIL...     a line of the summary, at once
    printf '%s\t%s\t%s\n' "$1" "$2" "${*:3}" | tee -a "$summary" | expand -t 22,32
}
remaining() {
    local of_part=$((PART_S - (SECONDS - part_start))) of_all=$((LIMIT_S - SECONDS))
    echo $((of_part < of_all ? of_part : of_all))
}
# limited S COMMAND...: stopped after S seconds, and where its part's time ends. 124: stopped.
limited() {
    local left
    left=$(remaining)
    [ "$left" -gt "$1" ] && left=$1
    [ "$left" -gt 0 ] || return 124
    timeout -k 5 "$left" "${@:2}"
}
# ours S COMMAND...: one of our programs, with the libraries that were found or brought.
ours() {
    limited "$1" env LD_LIBRARY_PATH="$library_path" "${@:2}"
}
# judge STEP FILE COMMAND...: ok or FAILED by its exit status; all it says goes to FILE.
judge() {
    local step=$1 file=$OUT/$2 start=$SECONDS code
    shift 2
    printf '\n== %s: %s\n' "$step" "$*" >>"$file"
    "$@" >>"$file" 2>&1
    code=$?
    case $code in
    0) say "$step" ok "$((SECONDS - start)) s" ;;
    77) say "$step" absent "$(tail -n 1 "$file")" ;;
    124 | 137) say "$step" late "stopped after $((SECONDS - start)) s, see ${file##*/}" ;;
    *) say "$step" FAILED "exit $code, see ${file##*/}" ;;
    esac
    return $code
}

for file in libraries right fast beside; do . "$parts_dir/gpu_$file.sh"; done
find_libraries
for part in "${parts[@]}"; do
    part_start=$SECONDS
    echo "--- $part"
    "$part"
done
! grep -qP '\tFAILED\t' "$summary"
