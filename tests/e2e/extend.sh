# A longer horizon goes on from the shorter training where that gives the same bits; plan and explain
# say so and write nothing.
. "$SRC/tests/e2e/lib.bash"
cp "$SRC/tests/e2e/mini.yaml" .
# tiny: every step a checkpoint, no evaluation on the way
run=("$RUNNEL" run mini.yaml --until base base.checkpoint.every=2 base.checkpoint.keep=9
    base.eval.bpb.every=0)
plan=("$RUNNEL" plan mini.yaml --until base base.checkpoint.every=2 base.checkpoint.keep=9
    base.eval.bpb.every=0)
# everything of a tree that a writer could have changed
tree() { find "$work/runs" -printf '%p %s %i %T@ %C@ %l\n' | sort; }
weights() { sha256sum <"$RUNNEL_RUNS/$1/stages/base/model/model.safetensors"; }
tag() { "${plan[@]}" "$@" | head -n 1 | cut -d' ' -f1; }

# The rates of the last fifth depend on the horizon: 10 steps share 8 with 14.
rates=base.schedule.kind=nanochat-2025
expect 0 "${run[@]}" "$rates" base.horizon.steps=10
tree >before
expect 0 "${plan[@]}" "$rates" base.horizon.steps=14
says "> base"
says "goes on at step 8 of 14: horizon.steps 10 -> 14 (command line)"
expect 0 "$RUNNEL" explain mini.yaml base "$rates" base.horizon.steps=14
says "horizon.steps  10  14"
says "extend"
expect 0 "$RUNNEL" explain mini.yaml base "$rates" base.horizon.steps=14 --json
tree >after
same before after

# A checkpoint that is damaged is none: the newest whole one counts, else the beginning.
shorter=$(echo "$RUNNEL_RUNS"/.store/base-train-*.work)
cp -a "$shorter" kept
truncate -s 100 "$shorter/step_000008/model.safetensors"
expect 0 "${plan[@]}" "$rates" base.horizon.steps=14
says "goes on at step 6 of 14: horizon.steps 10 -> 14 (command line)"
rm "$shorter"/step_00000[246]/manifest.json
expect 0 "${plan[@]}" "$rates" base.horizon.steps=14
says "+ base"
says "horizon.steps 10 -> 14 (command line); from step 0: no whole checkpoint saw this schedule"
rm -rf "$shorter"
mv kept "$shorter"

expect 0 "${run[@]}" "$rates" base.horizon.steps=14
says "step 8 of a training with another horizon is taken up"
extended=$(weights "$(tag "$rates" base.horizon.steps=14)")
RUNNEL_RUNS="$work/fresh" expect 0 "${run[@]}" "$rates" base.horizon.steps=14
fresh=$(RUNNEL_RUNS="$work/fresh" weights "$(tag "$rates" base.horizon.steps=14)")
[ "$extended" = "$fresh" ] || fail "the extended training differs from the unbroken one"

# A cosine bends every step: nothing can be shared.
expect 0 "${run[@]}" base.schedule.kind=cosine base.horizon.steps=4
expect 0 "${plan[@]}" base.schedule.kind=cosine base.horizon.steps=6
says "+ base"
says "horizon.steps 4 -> 6 (command line); from step 0"

# A constant rate knows no horizon: the finished training goes on from its last step.
expect 0 "${run[@]}" base.schedule.kind=constant base.horizon.steps=4
expect 0 "${plan[@]}" base.schedule.kind=constant base.horizon.steps=6
says "goes on at step 4 of 6: horizon.steps 4 -> 6 (command line)"

# Old outputs are adopted under a new key, and plan says so from then on.
seed=tokenizer.vocab_size=401
expect 2 "$RUNNEL" adopt mini.yaml tokeniser "$seed"
says "did you mean 'tokenizer'?"
expect 0 "$RUNNEL" adopt mini.yaml tokenizer "$seed"
says "vocab_size 400 -> 401"
expect 0 "$RUNNEL" plan mini.yaml --until tokens "$seed" --exit-code
says "adopted from train-tokenizer-"
expect 0 "$RUNNEL" run mini.yaml --until tokens "$seed"
says "nothing to do"
expect 0 "$RUNNEL" adopt mini.yaml tokenizer "$seed"
says "nothing to adopt"
echo "ok"
