#!/usr/bin/env bash
# The smoke gate over seeds and processor kinds: how far above it does the worst run lie?
#   tests/soak/gate.sh build/runnel [SEEDS]
# Runs are bit-identical for 1 and 2 threads (tests/e2e/threads.sh), so each runs on one thread, two
# at a time. Prints a table and the smallest value of each gated metric; fails below gate + 3 points.
set -euo pipefail
runnel=$(realpath "$1")
seeds=${2:-20}
source_dir=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export runnel source_dir work RUNNEL_CACHE="$work/cache" CI=true

one() { # SEED CORE
    local runs="$work/$2-$1"
    OPENBLAS_CORETYPE=$2 "$runnel" run "$source_dir/pipelines/smoke.yaml" vars.seed="$1" --threads 1 \
        --runs "$runs" >"$runs.out" 2>&1 || { echo "seed $1 $2 failed:"; tail -n 5 "$runs.out"; }
    "$runnel" metrics "$runs"/smoke-* --stage eval --to json --runs "$runs" |
        sed "s/^/{\"seed\": $1, \"core\": \"$2\", /; s/, {/, /" >"$runs.json"
    rm -rf "$runs"
}
export -f one
for core in Haswell SkylakeX; do
    for seed in $(seq "$seeds"); do echo "$seed $core"; done
done | xargs -P 2 -L 1 bash -c 'one "$@"' _
cat "$work"/*.json
python3 - "$work" <<'END'
import glob, json, sys
values = {}
for path in glob.glob(sys.argv[1] + "/*.json"):
    for line in open(path):
        for key, value in json.loads(line).items():
            if key.endswith("tiny_world") or key.endswith("letter"):
                values.setdefault(key, []).append(value)
for key, v in sorted(values.items()):
    print(f"{key}: {len(v)} runs, min {min(v):.4f}, median {sorted(v)[len(v) // 2]:.4f}, max {max(v):.4f}")
worst = min(values.get("sft.tiny_world", [0]))
sys.exit(0 if worst >= 0.93 else f"the worst run, {worst:.4f}, lies less than 3 points above the gate 0.90")
END
