# The pipelines we ship: accepted, planned with the numbers they promise, and run as `-p smoke`,
# offline, to the end; a second run has nothing to do.
. "$SRC/tests/e2e/lib.bash"

for name in gpt2-124m nanochat-2025 nanochat-2026; do
    pipeline="$SRC/pipelines/$name.yaml"
    expect 0 "$RUNNEL" plan "$pipeline"
    says "base "
    expect 0 "$RUNNEL" run "$pipeline" -p smoke --offline
    says "done in"
    expect 0 "$RUNNEL" run "$pipeline" -p smoke --offline
    says "nothing to do"
done

# GPT-2: the user's five epochs, before anything of it exists.
expect 0 "$RUNNEL" plan "$SRC/pipelines/gpt2-124m.yaml" --json
grep '"stage":"base"' out | grep -q '"steps":95365' || fail "the plan is not 5 x 19,073 steps"
grep '"stage":"base"' out | grep -q '"params":124439808' || fail "the plan is not of GPT-2 124M"
run=$(ls -d runs/gpt2-124m-*)
expect 0 "$RUNNEL" checkpoints "$(basename "$run")"
says "epoch_00001"
says "rolling_step_000030"
grep -c '"loss"' "$run/metrics/base.jsonl" | grep -qx 30 || fail "the smoke run is not 30 steps"

# One dial: everything of a model follows from vars.depth.
for name in nanochat-2025 nanochat-2026; do
    expect 0 "$RUNNEL" config "$SRC/pipelines/$name.yaml" vars.depth=24
    grep -Eq 'depth: *24' out || fail "vars.depth does not reach the model of $name"
done
