# Where a training goes on from: horizons, names, other cuts of a batch, and what refuses.
. "$SRC/tests/e2e/lib.bash"
sed 's/nanochat-2026/nanochat-2025/; s/horizon: {steps: 200}/horizon: {steps: 40}/' \
    "$SRC/tests/e2e/mini.yaml" >mini.yaml
run() { expect "$1" "$RUNNEL" run mini.yaml --threads 1 --until base "${@:2}"; }
weights() { cat "$1"/.store/base-train-*/model/model.safetensors | sha256sum; }
tag() { basename "$(ls -td "$RUNNEL_RUNS"/mini-* | head -n 1)"; }

# A constant schedule goes on to a later end and gives the bits of the unbroken run; other
# schedules depend on the horizon and start over.
constant="base.schedule.kind=constant"
RUNNEL_RUNS="$work/whole" run 0 $constant base.horizon.steps=30
run 0 $constant base.horizon.steps=20
run 0 $constant base.horizon.steps=30
says "resumed at step 20 of 30"
[ "$(cat "$RUNNEL_RUNS/$(tag)"/metrics/base.jsonl | grep -c '"loss"')" -eq 30 ] ||
    fail "the metrics of the later end lack steps"
longer=$(dirname "$(grep -l '"step": 30' "$RUNNEL_RUNS"/.store/base-train-*/model/config.json)")
same "$longer/model.safetensors" "$work"/whole/.store/base-train-*/model/model.safetensors

# An earlier end is not what the later one has become.
RUNNEL_RUNS="$work/short" run 0 $constant base.horizon.steps=10
run 0 $constant base.horizon.steps=10
shorter=$(dirname "$(grep -l '"step": 10' "$RUNNEL_RUNS"/.store/base-train-*/model/config.json)") ||
    fail "a horizon of 10 steps did not end at step 10"
same "$shorter/model.safetensors" "$work"/short/.store/base-train-*/model/model.safetensors
rm -rf "$RUNNEL_RUNS"
run 0 base.horizon.steps=20
run 0 base.horizon.steps=30
silent_about "resumed at"

# Epochs: the user's, or passes over the stream.
rm -rf "$RUNNEL_RUNS"
run 0 base.horizon='{epochs: 2, steps_per_epoch: 5}'
expect 0 "$RUNNEL" checkpoints "$(tag)"
says "epoch_00001"
grep -q '"step": 10' "$RUNNEL_RUNS"/.store/base-train-*/model/config.json || fail "not 10 steps"

# Checkpoints by name: listed, continued, sampled, refused.
rm -rf "$RUNNEL_RUNS"
run 0
expect 0 "$RUNNEL" checkpoints "$(tag)"
says "step_000020"
says "latest_backup"
expect 0 "$RUNNEL" sample "$(tag):base@step_000020" -p "a" -n 4
expect 0 "$RUNNEL" sample "$(tag):base@latest" -p "a" -n 4
expect 2 "$RUNNEL" sample "$(tag):base@step_000021" -p "a"
weights "$RUNNEL_RUNS" >before
expect 0 "$RUNNEL" run mini.yaml --threads 1 --only base --resume-from step_000020
weights "$RUNNEL_RUNS" >after
same before after
expect 5 "$RUNNEL" run mini.yaml --threads 1 --only base --resume-from step_000021

# A checkpoint as an input, with the tokenizer it was trained with and with another.
sed 's/model: base,/model: base.step_000020,/; s/horizon: {steps: 40}/horizon: {steps: 2}/' \
    mini.yaml >other.yaml
sed -i '0,/horizon: {steps: 2}/s//horizon: {steps: 40}/' other.yaml
expect 0 "$RUNNEL" run other.yaml --threads 1 --until mid
sed -i 's/^  tokens:/  strange: {kind: train-tokenizer, in: {text: data.shards}, vocab_size: 500}\n&/
    s/model: base.step_000020, tokenizer: tokenizer/model: base.step_000020, tokenizer: strange/' other.yaml
expect 5 "$RUNNEL" run other.yaml --threads 1 --until mid
says "trained with another tokenizer"

# How a batch is cut for the device is neutral: a run goes on under another cut, and its losses are
# the same but for rounding.
losses() { sed -n 's/.*"loss":\([0-9.]*\).*/\1/p' "$RUNNEL_RUNS/$(tag)"/metrics/base.jsonl; }
for rows in 4 8 16; do
    rm -rf "$RUNNEL_RUNS"
    run 0 base.batch.device_rows=$rows base.horizon.steps=20
    losses >losses.$rows
done
for rows in 4 16; do
    paste losses.8 losses.$rows | awk '{d = $1 - $2; if (!(d < 2e-3 && d > -2e-3)) far = 1} END {exit far || NR != 20}' ||
        fail "device_rows $rows trains on something else than device_rows 8"
done
rm -rf "$RUNNEL_RUNS"
run 0 base.batch.device_rows=8 base.checkpoint.every=10 base.checkpoint.keep=9
rm -rf "$RUNNEL_RUNS"/.store/base-train-????????????????
rm -rf "$RUNNEL_RUNS"/.store/base-train-*.work/step_0000{2,3,4}0
run 0 base.batch.device_rows=4 base.checkpoint.every=10
says "resumed at step 10 of 40"
says "device_rows was 8 and is 4"
