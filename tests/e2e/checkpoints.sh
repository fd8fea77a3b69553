#!/bin/bash
# `runnel checkpoints`: what a training could go on from, with its numbers; damage is found, what
# nothing needs is deleted after consent and never under a training, and one becomes a model.
. "$(dirname "$0")/lib.bash"
cp "$SRC/tests/pipelines/tiny.yaml" p.yaml
expect 0 "$RUNNEL" run p.yaml --until mid stages.base.checkpoint.every=1 stages.base.checkpoint.keep=9
tag=$(ls runs)

expect 0 "$RUNNEL" checkpoints "$tag"
grep -qE '^base +step_000004 +4 +[0-9]+ +[0-9.]+ +[0-9.]+ .*KiB +.* ago +verified +.*rolling_step_000004' out ||
    fail "step 4 is not told with epoch, loss, bpb, size, age and names"
expect 0 "$RUNNEL" checkpoints "$tag" --stage base --verify size --json
grep -q '"state":"whole"' out && grep -q '"aliases":"best, ' out || fail "objects"
[ "$(wc -l <out)" -eq 6 ] || fail "not 6 checkpoints of base"
expect 0 "$RUNNEL" checkpoints "$tag" verify

# --- prune ---
expect 2 "$RUNNEL" checkpoints "$tag" prune --stage base </dev/null
says "nothing was deleted"
says "--yes"
expect 0 "$RUNNEL" checkpoints "$tag" prune --stage base --keep 1 --yes
says "deleted 3, "
expect 0 "$RUNNEL" checkpoints "$tag" --stage base --json
for step in 3 5 6; do # epoch_00001, latest_backup, latest
    says "\"name\":\"step_00000$step\""
done
[ "$(wc -l <out)" -eq 3 ] || fail "not 3 checkpoints are left"
expect 0 "$RUNNEL" checkpoints "$tag" prune --keep 1 --yes
says "nothing to delete"
expect 10 "$RUNNEL" plan p.yaml --exit-code # sft has not run; base and mid are as they were
says "sft"

# --- export ---
expect 2 "$RUNNEL" checkpoints "$tag" export latest --out model
says "--stage"
expect 2 "$RUNNEL" checkpoints "$tag" export nobody --out model
expect 2 "$RUNNEL" checkpoints "$tag" export ../base --stage base --out model
expect 2 "$RUNNEL" checkpoints "$tag" export latest
[ ! -e model ] || fail "something was written"
expect 0 "$RUNNEL" checkpoints "$tag" export epoch_00001 --stage base --out model
expect 0 "$RUNNEL" sample model -p a -n 2
expect 2 "$RUNNEL" checkpoints "$tag" export epoch_00001 --stage base --out model
says "is there already"
expect 2 "$RUNNEL" checkpoints "$tag" frobnicate

# --- damage ---
weights=$(echo runs/.store/base-train-*.work/step_000005/model.safetensors)
printf 'x' | dd of="$weights" bs=1 seek=2000 conv=notrunc 2>/dev/null
expect 0 "$RUNNEL" checkpoints "$tag" --verify size
expect 5 "$RUNNEL" checkpoints "$tag" verify
says "bad: model.safetensors"
expect 5 "$RUNNEL" checkpoints "$tag" export latest_backup --stage base --out other
[ ! -e other ] || fail "a damaged model was exported"

# --- nothing to go on from ---
# Its outputs gone, base would go on from its last step. While one checkpoint is whole, the same
# command does that; when none is, it is no way to continue, and what is one is told. `plan` says the
# same, as far as it shows without reading the files, or once somebody has read them.
store=runs/.store
saved=$(echo $store/base-train-*.work)
for output in $store/base-train-*/; do
    [ "$output" = "$saved/" ] || rm -rf "$output"
done
spoil() { # FILE...: other bytes, the same size
    for file in "$@"; do printf 'x' | dd of="$file" bs=1 seek=2000 conv=notrunc 2>/dev/null; done
}
often="stages.base.checkpoint.every=1 stages.base.checkpoint.keep=9"
plans() { # SYMBOL MORE [OPTION]: of base
    # shellcheck disable=SC2086 # words
    expect 0 "$RUNNEL" plan p.yaml --until base $often ${3:-}
    grep -qE "^$1 base .*$2" out || fail "plan does not say '$1 base .. $2'"
}
# Whatever else it fails of: here of a library, before it looks at any of them.
mkdir hide
: >hide/libopenblas.so.0
fails() { # the stage, not for its checkpoints
    LD_LIBRARY_PATH="$PWD/hide${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \
        expect 11 "$RUNNEL" run p.yaml --until base \
        stages.base.checkpoint.every=1 stages.base.checkpoint.keep=9
    says "libopenblas.so.0"
}
fails
says "to continue:  runnel run p.yaml"
plans '>' 'at step 6 of 6'
cp -a "$saved" kept
truncate -s 100 "$saved"/step_000006/model.safetensors
plans '>' 'at step 5 of 6'
truncate -s 100 "$saved"/step_*/model.safetensors
plans '-' 'cannot continue: none of 3 .*model.safetensors: 100 bytes.*--force base begins it anew'
expect 10 "$RUNNEL" plan p.yaml --exit-code --json
grep -q '"action":"blocked".*"stage":"base"' out || fail "--json does not say that base is blocked"
grep -q '"reason":"needs base"' out || fail "mid could run"
fails_stuck() {
    expect 5 "$RUNNEL" run p.yaml --until base stages.base.checkpoint.every=1 stages.base.checkpoint.keep=9
    says "base cannot continue: none of its checkpoints is whole"
}
fails_stuck
says "stage 'base' cannot continue: none of 3 checkpoints verifies"
rm -rf "$saved"
mv kept "$saved"
spoil "$saved"/step_*/model.safetensors
plans '>' 'at step 6 of 6' # nobody has read them
plans '-' 'cannot continue: .*sha256' --verify=hash
expect 5 "$RUNNEL" run p.yaml --until base stages.base.checkpoint.every=1 stages.base.checkpoint.keep=9
says "base cannot continue: none of its checkpoints is whole"
says "runnel run p.yaml stages.base.checkpoint.every=1 stages.base.checkpoint.keep=9 --until base --force base"
silent_about "to continue:"
plans '-' 'cannot continue: none of 3 .*sha256'
fails_stuck
expect 0 "$RUNNEL" run p.yaml --until base stages.base.checkpoint.every=1 stages.base.checkpoint.keep=9 --force base
