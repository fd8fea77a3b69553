# What a run keeps, makes and refuses, on the first stages of a small pipeline.
. "$SRC/tests/e2e/lib.bash"
grep -v optimizer: "$SRC/tests/e2e/mini.yaml" >mini.yaml
listing() { find "$1" \( -type f -exec sha256sum {} + \) -o -print | sort; }

# Planning says what will run and touches nothing.
expect 10 "$RUNNEL" plan mini.yaml --exit-code
says "never run"
[ ! -e "$RUNNEL_RUNS" ] || fail "plan made a folder"

# A device that is not there is told before anything is fetched.
expect 11 "$RUNNEL" run mini.yaml --device none
says "no device 'none'"
says "devices are cuda, cuda:1 (the second card) and the processor: --device cpu"
[ ! -e "$RUNNEL_RUNS" ] || fail "a run began without its device"

# What can not be run is told with what can.
expect 2 "$RUNNEL" run mini.yaml --from bsae
says "did you mean 'base'?"
expect 2 "$RUNNEL" run mini.yaml --from tokens
says "--until data"

# The first run makes, the second keeps.
expect 0 "$RUNNEL" run mini.yaml --until tokens
says "+ tokens     made"
expect 0 "$RUNNEL" run mini.yaml --until tokens
says "= tokens     kept"
says "nothing to do"
expect 0 "$RUNNEL" plan mini.yaml --until tokens --exit-code
expect 0 "$RUNNEL" run mini.yaml --until tokens --json
grep -qv '^{' out && fail "--json printed something else"
tag=$(basename "$(ls -d "$RUNNEL_RUNS"/mini-*)")

# Readers change no byte.
listing "$RUNNEL_RUNS" >before
expect 0 "$RUNNEL" status "$tag"
says "never run"
expect 0 "$RUNNEL" metrics mini.yaml --to csv
says "step,loss,grad_norm,lrm,dt_ms,tok_per_sec,mfu,total_time_min"
expect 0 "$RUNNEL" checkpoints "$tag"
expect 10 "$RUNNEL" plan mini.yaml --exit-code
listing "$RUNNEL_RUNS" >after
same before after

# Comments, order and file times are not what a stage is; its keys are.
{ echo "# a comment"; cat mini.yaml; } >other.yaml && mv other.yaml mini.yaml
expect 0 "$RUNNEL" plan mini.yaml --until tokens --exit-code
expect 10 "$RUNNEL" plan mini.yaml tokenizer.vocab_size=420 --until tokens --exit-code
says "= data"
says "vocab_size 400 -> 420"

# An output changed by hand is found and made again.
victim=$(find "$RUNNEL_RUNS"/.store/train-tokenizer-*/tokenizer -type f | head -n 1)
chmod u+w "$victim" && printf 'X' | dd of="$victim" bs=1 conv=notrunc 2>/dev/null
expect 10 "$RUNNEL" plan mini.yaml --until tokens --exit-code
says "output damaged"
expect 0 "$RUNNEL" run mini.yaml --until tokens
says "= tokens     kept"

# Another folder, the same bytes.
RUNNEL_RUNS="$work/elsewhere" expect 0 "$RUNNEL" run mini.yaml --until tokens
(cd "$RUNNEL_RUNS/.store" && listing .) >before
(cd "$work/elsewhere/.store" && listing .) >after
same before after

# One writer; a signal saves; the same command goes on.
"$RUNNEL" run mini.yaml --until base >background 2>&1 &
pid=$!
pids+=("$pid")
at_base() { grep -q '> base' background && [ -n "$(stages_of "$pid")" ]; }
eventually at_base
stage=$(stages_of "$pid")
kill -STOP $stage # or it could be done before we are
expect 6 "$RUNNEL" run mini.yaml
says "in use by pid $pid"
expect 0 "$RUNNEL" status "$tag"
says "running"
kill -TERM "$pid"
kill -CONT $stage
wait "$pid"
[ $? -eq 75 ] || fail "a stopped run ends with 75"
grep -q "to continue:  .* run mini.yaml" background || fail "no way to continue was shown"
expect 10 "$RUNNEL" plan mini.yaml --exit-code
says "> base       resume"
says "interrupted at step"
expect 0 "$RUNNEL" checkpoints "$tag"
says "verified"

# A terminal that goes away, which its shell says again, is no kill; nohup is no signal at all.
hang_up() { # STEPS IN_FRONT...
    "${@:2}" "$RUNNEL" run mini.yaml --until base base.horizon.steps="$1" >background 2>&1 &
    pid=$!
    pids+=("$pid")
    eventually at_base
    stage=$(stages_of "$pid")
    kill -STOP $stage
    kill -HUP "$pid"
    kill -HUP "$pid"
    kill -CONT $stage
    wait "$pid"
}
hang_up 5000 env
[ $? -eq 75 ] || fail "a run whose terminal is gone does not save and end with 75"
hang_up 60 nohup || fail "nohup does not keep a run from SIGHUP"
echo "ok"
