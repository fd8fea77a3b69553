# Looking at runs: status of every kind of run, log, runs, show, diff, and pruning what none needs.
. "$SRC/tests/e2e/lib.bash"
cp "$SRC/tests/pipelines/tiny.yaml" .
runnel() { "$RUNNEL" "$@"; }
tags() { runnel runs --json | sed -n 's/.*"tag":"\([^"]*\)".*/\1/p'; }
listing() { find "$RUNNEL_RUNS" \( -type f -exec sha256sum {} + \) -o -print | sort; }

# A pipeline that never ran: said, and no error.
expect 0 runnel status tiny.yaml
says "never run"
expect 0 runnel status tiny.yaml --json
[ "$(grep -c '"state":"never run"' out)" -eq 8 ] || fail "not one line for each stage"
expect 0 runnel runs
says "no runs in"
expect 2 runnel status nothing-here

# Stopped half way; a stage fails; finished.
expect 0 runnel run tiny.yaml --threads 1 --until tokens
tag=$(tags)
expect 0 runnel status "$tag"
says "partial"
says "tokens     done"
expect 9 runnel run tiny.yaml --threads 1 'base.gate=["val_bpb < 0.1"]'
expect 0 runnel status tiny.yaml 'base.gate=["val_bpb < 0.1"]'
says "failed"
says "val_bpb"
expect 0 runnel run tiny.yaml --threads 1
expect 0 runnel status tiny.yaml
says "$tag  done"
expect 0 runnel status "$tag" --json
grep -q '"stage":"base".*"step":6' out || fail "no step in --json"
grep -qv '^{.*"run_state":"done"' out && fail "a line without the state of the run"

# Finished, and then the file or the store changed: stale, with the reason.
sed 's/bpb_tokens: 64/bpb_tokens: 128/; s/^name: tiny/&\ntag: '"$tag"'/' tiny.yaml >other.yaml
expect 0 runnel status other.yaml
says "$tag  stale"
says "bpb_tokens"
mv "$RUNNEL_RUNS"/.store/eval-* aside
expect 0 runnel status "$tag"
says "stale"
says "eval       lost"
mv aside "$RUNNEL_RUNS/.store/$(basename "$(readlink "$RUNNEL_RUNS/$tag/stages/eval")")"

# What the stages said, one and all, as lines and as objects.
expect 0 runnel log "$tag" base
says "val_bpb"
expect 0 runnel log tiny.yaml base
expect 0 runnel log "$tag" -f
says "tokenizer  20"
expect 0 runnel log "$tag" base --json
grep -q '"level":"info","stage":"base","text":"base-train:' out || fail "no object for a line"
expect 2 runnel log "$tag" bsae

# Two runs, in what they differ, and that they do not.
expect 0 runnel run tiny.yaml --threads 1 vars.seed=12
other=$(tags | grep -v "$tag" | head -n 1)
expect 0 runnel runs
says "$tag"
says "8/8"
expect 0 runnel diff "$tag" "$other"
grep -q 'config *stages.base.seed *11 *12' out || fail "diff does not name the seed"
grep -q 'data *base.model' out || fail "diff does not name the model"
grep -q 'result *base.loss' out || fail "diff does not name the loss"
grep -q 'data *data.shards' out && fail "the data is the same"
expect 0 runnel diff "$tag" "$tag"
says "no difference"
expect 0 runnel show "$tag"
says "base-train"
expect 0 runnel show "$tag" --json
[ "$(wc -l <out)" -eq 1 ] || fail "show --json is one object"

# Data that nobody vouches for is named, by the run's own pins.
printf 'data.%s 5 %064d %s a.example 2026-11-21T11:24:05Z -\n' \
    chats/c 1 first-use shards/a 2 first-use shards/b 3 agreed >"$RUNNEL_RUNS/$tag/pins.lock"
expect 0 runnel status "$tag"
says "2 files came from one source each"
says "data.chats/c, ..."
expect 0 runnel status "$tag" --json
says '"first_use":["data.chats/c","data.shards/a"]'
rm "$RUNNEL_RUNS/$tag/pins.lock"
expect 0 runnel status "$tag"
silent_about "one source"

# All of that read; nothing was written.
listing >before
for command in "status $tag" "log $tag" runs "show $tag" "diff $tag $other" "runs prune"; do
    runnel $command >/dev/null 2>&1
done
listing >after
same before after

# Pruning asks, then takes what no run links to and nothing else.
expect 2 runnel runs prune
says "base-train-"
says "add --yes"
expect 0 runnel runs prune --older "24 h" --yes
says "nothing to delete"
rm -rf "${RUNNEL_RUNS:?}/$other"
mkdir "$RUNNEL_RUNS/.store/sft-0000000000000000.attempt"
expect 0 runnel runs prune --yes
ls -d "$RUNNEL_RUNS"/.store/*.work "$RUNNEL_RUNS"/.store/*.attempt 2>/dev/null && fail "not pruned"
[ "$(ls -d "$RUNNEL_RUNS"/.store/sft-* | wc -l)" -eq 1 ] || fail "outputs of a deleted run stayed"
expect 0 runnel run tiny.yaml --threads 1
says "nothing to do"

# A run at work: progress, sign of life, one that may not be pruned, a second writer refused; then
# killed: interrupted, its checkpoints are kept.
sed 's/horizon: {epochs: 2, .*}/horizon: {steps: 200000}/; s/every: 2 steps/every: 200 steps/' tiny.yaml >long.yaml
"$RUNNEL" run long.yaml --threads 1 >background 2>&1 &
pid=$!
pids+=("$pid")
long=
trains() {
    long=$(tags | grep -v "$tag") && grep -q '"step":100,' "$RUNNEL_RUNS/$long/metrics/base.jsonl"
}
eventually trains
"$RUNNEL" log "$long" base -f >followed &
follower=$!
pids+=("$follower")
expect 0 runnel status "$long"
says "running, in use by pid $pid on $(hostname) since "
says "last sign of life"
grep -Eq '^> +base +running .* [0-9]+/200000 .*tok/s' out || fail "no live progress"
expect 6 runnel run long.yaml --threads 1
says "in use by pid $pid on $(hostname) since "
expect 6 runnel runs prune --yes
says "in use by"

# The same where the file system knows no locks, and where it grants them to everybody.
for locks in none lies; do
    export RN_FAULT_LOCKS=$locks LD_PRELOAD="$BUILD/librunnel-faults.so"
    expect 6 "$RUNNEL" run long.yaml --threads 1
    says "in use by pid $pid on $(hostname) since "
    expect 0 "$RUNNEL" status "$long"
    says "running, in use by pid $pid"
    unset RN_FAULT_LOCKS LD_PRELOAD
done
kill -9 "$pid"
wait "$pid" 2>/dev/null
interrupted() { runnel status "$long" | grep -q "  interrupted"; }
eventually interrupted
expect 0 runnel status "$long"
says "base       interrupted"
wait "$follower" || fail "log -f ends with the run"
grep -q "val_bpb" followed || fail "log -f did not tell what was said"
RN_FAULT_LOCKS=none LD_PRELOAD="$BUILD/librunnel-faults.so" "$RUNNEL" run tiny.yaml --threads 1 \
    >out 2>&1 || fail "no run without locks"
expect 0 runnel runs prune --yes
ls -d "$RUNNEL_RUNS"/.store/base-train-*.work >/dev/null || fail "prune took the checkpoints of a run that goes on"
echo "ok"
