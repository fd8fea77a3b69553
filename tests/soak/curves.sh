#!/usr/bin/env bash
# Base training of both eras against the curves of nanochat's own code: within 3 % everywhere and
# 2 % at the end.   tests/soak/curves.sh build/runnel
set -euo pipefail
runnel=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
shared=$(realpath "$here/../../../shared") || { echo "SKIP: the shared test data is not here"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUNNEL_CACHE="$work/cache"
cp "$here/curves.yaml" "$work"
cd "$work"
status=0
compare() { # ARCH OVERRIDES...
    local arch=$1
    shift
    "$runnel" run curves.yaml --runs "runs-$arch" vars.shared="$shared" vars.arch="$arch" "$@"
    "$runnel" metrics "runs-$arch"/curves-* --runs "runs-$arch" --stage base --to json >"$arch.jsonl"
    python3 - "$arch.jsonl" "$shared/golden/$arch-d4-curve.json" <<'END' || status=1
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
ours = {str(r["step"]): r["val_bpb"] for r in rows if r.get("val_bpb") is not None}
speed = sorted(r["tok_per_sec"] for r in rows if r.get("tok_per_sec"))
reference = json.load(open(sys.argv[2]))["val_bpb"]
bad = 0
for step, want in reference.items():
    off = ours[step] / want - 1
    last = step == max(reference, key=int)
    ok = abs(off) <= (0.02 if last else 0.03)
    bad += not ok
    print(f"step {step:>4}: ours {ours[step]:.4f}  nanochat {want:.4f}  {100 * off:+.2f} %{'' if ok else '  too far'}")
print(f"median {speed[len(speed) // 2]:.0f} tokens/s")
sys.exit(bad > 0)
END
}
compare nanochat-2025
compare nanochat-2026 vars.head_dim=64 vars.windows=L
exit $status
