#!/usr/bin/env bash
# The smoke gate over seeds and processor kinds: how far above it does the worst run lie?
#   SEEDS=20 tests/soak/gate.sh build/runnel
# Runs are bit-identical for 1 and 2 threads (tests/e2e/threads.sh), so each runs on one thread, two
# at a time. Prints the range of each score; fails if the worst lies less than 3 points above 0.9.
set -euo pipefail
runnel=$(realpath "$1")
seeds=${SEEDS:-20}
source_dir=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export runnel source_dir work RUNNEL_CACHE="$work/cache" CI=true

one() { # SEED CORE
    local runs="$work/$2-$1"
    OPENBLAS_CORETYPE=$2 "$runnel" run "$source_dir/pipelines/smoke.yaml" --threads 1 --runs "$runs" \
        vars.seed="$1" 'eval.tasks=[bpb, tiny-world]' --until eval >"$runs.out" 2>&1 ||
        { echo "seed $1 on $2 failed:"; tail -n 3 "$runs.out"; }
    "$runnel" metrics "$runs"/smoke-* --stage eval --to json --runs "$runs" >"$runs.json" || true
    rm -rf "$runs"
}
export -f one
for seed in $(seq "$seeds"); do
    for core in Haswell SkylakeX; do echo "$seed $core"; done
done | xargs -P 2 -L 1 bash -c 'one "$@"' _
python3 - "$work" <<'END'
import glob, json, sys
values, runs = {}, 0
for path in sorted(glob.glob(sys.argv[1] + "/*.json")):
    rows = [json.loads(line) for line in open(path)]
    runs += bool(rows)
    for name, value in (rows[-1] if rows else {}).items():
        if "." in name:
            values.setdefault(name, []).append(value)
for name, v in sorted(values.items()):
    v.sort()
    print(f"{name:24} {len(v)} runs  min {v[0]:.4f}  median {v[len(v) // 2]:.4f}  max {v[-1]:.4f}")
worst = values.get("sft.tiny_world", [0])[0]
if worst < 0.93:
    sys.exit(f"the worst run, {worst:.4f}, lies less than 3 points above the gate of 0.90")
END
