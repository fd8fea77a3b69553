#!/bin/bash
# Receipts and verify-run: a run is done again bit for bit and not a byte of it changes; another
# instruction set is within the tolerance; other numbers, other data, lost inputs are found (exit 5);
# a resumed training writes the receipt of an unbroken one.
. "$(dirname "$0")/lib.bash"
cp "$SRC/tests/pipelines/tiny.yaml" .
unset RUNNEL_CPU_ISA
export TMPDIR="$work/scratch" && mkdir scratch
expect 0 "$RUNNEL" run tiny.yaml
run=$(cd runs && echo tiny-*)
tree() { (cd "$RUNNEL_RUNS" && find . -printf '%p %i %s %T@ %l\n' | sort && find . -type f -exec sha256sum {} + | sort); }

tree >before
expect 0 "$RUNNEL" verify-run "$run"
for stage in base mid sft; do
    says "= $stage "
done
says "data order equal, losses equal bit for bit"
expect 0 "$RUNNEL" verify-run "$run" base --steps 3 --threads 1
says "= base  3 steps again: data order equal, losses equal bit for bit"
expect 0 "$RUNNEL" verify-run tiny.yaml base --steps 1
says "= base  1 step again"
expect 0 env RUNNEL_CPU_ISA=portable "$RUNNEL" verify-run "$run" base --json
says '"same_machine":false'
says '"tolerance":0.02'
expect 2 "$RUNNEL" verify-run "$run" tokens
expect 2 "$RUNNEL" verify-run nobody
expect 2 "$RUNNEL" verify-run "$run" base --steps 0
tree >after
same before after
[ -z "$(ls scratch)" ] || fail "verify-run leaves something in its scratch folder"

# Another configuration of the same run folder keeps what was made before, with its receipt.
expect 0 "$RUNNEL" run tiny.yaml mid.horizon.steps=3
grep -q '"base"' runs/tiny-*/receipt.json || fail "no receipt"
for dir in runs/tiny-*; do
    grep -q '"base"' "$dir/receipt.json" || fail "$dir: kept stages have no receipt"
done
expect 0 "$RUNNEL" verify-run "$run" base

metrics=runs/$run/metrics/base.jsonl receipt=runs/$run/receipt.json
cp "$metrics" metrics.kept && cp "$receipt" receipt.kept
sed -i '/"step":3,/s/"loss":[0-9.]*/"loss":9.5/' "$metrics"
expect 5 "$RUNNEL" verify-run "$run" base
says "metrics and receipt of the run differ at or before step 5"

# The same lie told in both, as the receipt's format allows anybody to.
if command -v python3 >/dev/null; then
    restate() {
        python3 - "$metrics" "$receipt" <<'PY'
import hashlib, json, re, sys
chain, last = "", None
for line in open(sys.argv[1]):
    at = {k: v for k, v in re.findall(r'"(step|loss|data_order)":([^,}]+)', line)}
    if "loss" not in at:
        continue
    text = " %d %.0f %s" % (int(at["step"]), float(at["data_order"]), at["loss"])
    chain = hashlib.sha256((chain + text).encode()).hexdigest()
    last = {"step": int(at["step"]), "loss": float(at["loss"]),
            "data_order": int(float(at["data_order"])), "digest": chain[:16]}
doc = json.load(open(sys.argv[2]))
doc["stages"]["base"]["marks"] = [last]
json.dump(doc, open(sys.argv[2], "w"))
PY
    }
    restate
    expect 5 "$RUNNEL" verify-run "$run" base
    says "stage 'base' step 3: loss 9"
    cp metrics.kept "$metrics"
    sed -i -E '/"step":4,/s/"data_order":[0-9]+/"data_order":1234/' "$metrics"
    restate
    expect 5 "$RUNNEL" verify-run "$run" base
    says "stage 'base' step 4: other data than recorded"
    cp metrics.kept "$metrics"
    restate
    expect 0 "$RUNNEL" verify-run "$run" base
else
    echo "SKIP: no Python, no receipt is forged"
fi
cp metrics.kept "$metrics"
cp receipt.kept "$receipt"
mv runs/.store/tokenize-* .
expect 5 "$RUNNEL" verify-run "$run" base
says "no longer in the store"
mv tokenize-* runs/.store/

# Stopped and continued, the receipt is that of a training in one go.
long=(tiny.yaml --until base '~base.horizon.epochs' '~base.horizon.steps_per_epoch'
    +base.horizon.steps=1500 base.eval.bpb.every=0 base.checkpoint.every=500)
RUNNEL_RUNS=one expect 0 "$RUNNEL" run "${long[@]}"
RUNNEL_RUNS=two "$RUNNEL" run "${long[@]}" >out 2>&1 &
pid=$!
trains() { grep -q '"step":100,' two/tiny-*/metrics/base.jsonl; }
eventually trains
kill -TERM $pid
wait $pid
code=$?
[ $code -eq 75 ] || [ $code -eq 0 ] || fail "stopping ended with $code"
[ $code -eq 0 ] && echo "SKIP: the training ended before it was stopped"
RUNNEL_RUNS=two expect 0 "$RUNNEL" run "${long[@]}"
same one/tiny-*/receipt.json two/tiny-*/receipt.json
echo "runs can be done again"
