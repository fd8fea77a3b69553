# Bad steps of a training: skipped and on record, or the end with exit 11 and sound checkpoints.
. "$SRC/tests/e2e/lib.bash"
cp "$SRC/tests/pipelines/training.yaml" .
base="$RUNNEL_RUNS/training-*"

# A bar so low that some steps are above it: each is counted in the metrics, named in the receipt.
expect 0 "$RUNNEL" run training.yaml '+base.health={spike: {z: 1.9, window: 8, do: skip}, max: 60}'
says "is skipped: the "
skipped=$(grep -c "is skipped" out)
grep -o '"skipped":[0-9]*' $base/metrics/base.jsonl | tail -n 1 | grep -qx "\"skipped\":$skipped" ||
    fail "the metrics do not count $skipped skipped steps"
first=$(sed -n 's/.*step \([0-9]*\) is skipped.*/\1/p' out | head -n 1)
tr -d ' \n' <$(ls $base/receipt.json) | grep -q "\"skipped\":\[$first" ||
    fail "the receipt does not name step $first"
[ "$(grep -c '"data_order"' $base/metrics/base.jsonl)" -eq 60 ] || fail "not each step once"

# The rules are neutral: the same training under others is up to date.
expect 0 "$RUNNEL" run training.yaml
says "nothing to do"

# Decay that multiplies the embedding until it overflows.
expect 11 "$RUNNEL" run training.yaml --runs ruined +base.lr_frac=100 \
    '+base.optimizer={groups: {embedding: {lr: 100, decay: 100}}}'
expect 0 "$RUNNEL" checkpoints --runs ruined "$(basename "$(ls -d ruined/training-*)")"
grep -q "bad:" out && fail "a checkpoint of the ruined training is bad"
says "verified"
