# Several processes train as one: the same data and losses whatever their number, one checkpoint,
# and a rank that dies, stops, or is asked to stop ends them all, named, to go on later.
[ -w /dev/shm ] && export TMPDIR=/dev/shm # many saves: no need to wait for a disk
. "$SRC/tests/e2e/lib.bash"
[ -e "$BUILD/librunnel-mpi.so" ] && command -v mpirun >/dev/null || {
    echo "SKIP: built without Open MPI: nothing of several ranks is tested"
    exit 0
}
export RUNNEL_PEER_S=600 # no machine is that slow
sed 's/nanochat-2026/nanochat-2025/; s/horizon: {steps: 200}/horizon: {steps: 40}/
    s/seed: ${vars.seed}/&\n    schedule: {kind: constant}/
    s/kind: \(base-train\|mid-train\|sft\)/&\n    precision: fp32/' \
    "$SRC/tests/e2e/mini.yaml" >mini.yaml
mpi=(mpirun --oversubscribe --allow-run-as-root)
run() { "$RUNNEL" run mini.yaml --threads 1 "$@"; }
ranks() { expect "$1" "${mpi[@]}" -np "$2" "$RUNNEL" run mini.yaml --threads 1 "${@:3}"; }
with_step() { grep -l "\"step\":$1[,}]" "$RUNNEL_RUNS"/mini-*/metrics/base.jsonl; }
losses() { sed -n 's/.*"loss":\([0-9.]*\).*/\1/p' "$1"; }
orders() { grep -o '"data_order":[0-9.e+]*' "$1"; }
# near FILE FILE N [BOUND]: N losses in each, the same but for the rounding of their sums.
near() {
    paste <(losses "$1" | head -n "$3") <(losses "$2" | head -n "$3") |
        awk -v n="$3" -v most="${4:-2e-4}" 'NF != 2 || $1 - $2 > most || $2 - $1 > most {bad = 1}
            END {exit bad || NR != n}' ||
        fail "$1 and $2 differ by more than rounding"
}

# All trainings of a pipeline by two ranks, as by one; and what is done is kept by any number.
RUNNEL_RUNS="$work/alone" expect 0 run
mv "$work"/alone/mini-*/metrics alone.metrics
RUNNEL_RUNS="$work/two" ranks 0 2
says "2 ranks by mpirun: rank 0 runs the pipeline and trains, rank 1 on $(hostname) trains with it"
says "2 ranks by mpi, each 8 rows"
for stage in base mid sft; do
    n=$(losses alone.metrics/$stage.jsonl | wc -l)
    near alone.metrics/$stage.jsonl "$work"/two/mini-*/metrics/$stage.jsonl "$n"
    orders alone.metrics/$stage.jsonl >one
    orders "$work"/two/mini-*/metrics/$stage.jsonl >other
    same one other
done
layout() { head -c "$(($(od -An -tu8 -N8 "$1") + 8))" "$1" | md5sum; }
for file in model optimizer; do # whole tensors in the same places, whoever had them
    for at in alone two; do
        layout "$(ls "$work/$at"/.store/base-train-*.work/step_000040/$file.safetensors)" >$at.layout
    done
    same alone.layout two.layout
done
grep -q '"ranks": 2' "$work"/two/mini-*/receipt.json || fail "the receipt does not count the ranks"
[ -z "$(ls -A two | grep '^.ranks')" ] || fail "where the ranks met is left behind"
RUNNEL_RUNS="$work/two" expect 0 run
says "nothing to do"

# Begun by one, taken up by two, by four, and by one again: the same data, the same losses.
for at in 1:6 2:12 4:18 1:24; do
    steps=base.horizon.steps=${at#*:}
    if [ "${at%:*}" = 1 ]; then
        expect 0 run --until base "$steps"
    else
        ranks 0 "${at%:*}" --until base "$steps"
    fi
done
says "ranks was 4 and is 1"
last=$(with_step 23)
near alone.metrics/base.jsonl "$last" 24
same <(orders alone.metrics/base.jsonl | head -n 24) <(orders "$last" | head -n 24)

# Embeddings of bf16, too: their gradients are added up as they are, and rounded weights travel.
rounded=(--until base base.horizon.steps=6 base.embeddings=bf16)
RUNNEL_RUNS="$work/alone.rounded" expect 0 run "${rounded[@]}"
RUNNEL_RUNS="$work/two.rounded" ranks 0 2 "${rounded[@]}"
near "$work"/alone.rounded/mini-*/metrics/base.jsonl "$work"/two.rounded/mini-*/metrics/base.jsonl 6 2e-6

# A training that goes back to a checkpoint does so with all ranks.
spikes=(--until base base.checkpoint.every=10 'base.health={spike: {z: 1.5, window: 8, do: rollback}, margin: 1}')
skips() { sed -n 's/.*"step":\([0-9]*\).*"skipped":\([0-9]*\).*/\1 \2/p' "$1"/mini-*/metrics/base.jsonl; }
RUNNEL_RUNS="$work/alone.spikes" expect 0 run "${spikes[@]}"
says "is left out: back to step"
RUNNEL_RUNS="$work/two.spikes" ranks 0 2 "${spikes[@]}"
says "is left out: back to step"
same <(skips alone.spikes) <(skips two.spikes)

# What cannot be is said before anything is made.
rm -rf "$RUNNEL_RUNS"
ranks 3 3 --until base
says "16 rows of 64 do not divide among 3 processes"
says "start 2 of them, or let 'batch.tokens' be 1152"
[ -z "$(ls "$RUNNEL_RUNS")" ] || fail "something was made before"
mkdir bare && cp "$RUNNEL" "$BUILD"/librunnel-cpu.so bare
expect 11 "${mpi[@]}" -np 2 bare/runnel run mini.yaml
says "librunnel-mpi.so is missing (install Open MPI and build again)"
[ "$(grep -c 'is missing' out)" -eq 1 ] || fail "one line is enough"
RANK=2 WORLD_SIZE=2 expect 2 run
says "RANK=2 with WORLD_SIZE=2"

# A rank of another configuration does not get in; rank 0 waits for the right one until it is asked
# to stop.
export RUNNEL_JOB=$$ RUNNEL_WORLD=2
RUNNEL_RANK=0 "$RUNNEL" run mini.yaml >rank0 2>&1 &
waiting=$!
RUNNEL_RANK=1 expect 12 run base.seed=99
says "rank 0 refused this rank 1: it has another version of the program, or another configuration"
kill -TERM $waiting
wait $waiting
[ $? -eq 75 ] || fail "rank 0 did not stop waiting"
unset RUNNEL_JOB RUNNEL_WORLD

# A long training of two ranks, and what befalls it. The processes: rank N's own, and its trainer.
long=(--until base base.horizon.steps=100000 base.checkpoint.every=10 base.eval.bpb.every=0)
rank() {
    for pid in $(cat /proc/$launcher/task/*/children); do
        tr '\0' '\n' </proc/$pid/environ | grep -qx "OMPI_COMM_WORLD_RANK=$1" && echo "$pid"
    done
}
saved() { ls -d "$RUNNEL_RUNS"/.store/base-train-*.work/step_* 2>/dev/null | wc -l; }
newest() { ls -d "$RUNNEL_RUNS"/.store/base-train-*.work/step_* | tail -n 1; }
is_new() { [ "$(saved)" -gt 0 ] && [ "$(newest)" != "$1" ]; }
begin() { # SECONDS: starts it, and waits until it has saved something new; 1: it ended before
    local old=
    [ "$(saved)" -eq 0 ] || old=$(newest)
    rm -f end
    (
        RUNNEL_PEER_S=$1 "${mpi[@]}" -np 2 "$RUNNEL" run mini.yaml --threads 1 "${long[@]}" >out 2>&1 &
        echo $! >launcher
        wait $!
        echo $? >end
    ) &
    eventually test -s launcher
    launcher=$(cat launcher)
    pids+=("$launcher")
    rm launcher
    eventually eval 'test -s end || is_new "'"$old"'"'
    [ ! -s end ]
}
ends() { # CODE TEXT
    eventually test -s end
    pids=()
    [ "$(cat end)" -eq "$1" ] || fail "exit $(cat end), expected $1"
    says "$2"
}
# is_missed RANK: stopped, it is named. A machine that is too slow for little patience gets more.
is_missed() {
    for patience in 2 10 60; do
        begin $patience || continue
        kill -STOP "$(stages_of "$(rank "$1")")"
        eventually test -s end
        pids=()
        [ "$(cat end)" -eq 12 ] && grep -q "rank $1 on $me has not answered for" out && return
    done
    fail "rank $1 was not missed"
}
me=$(hostname)

begin 600
kill -9 "$(stages_of "$(rank 1)")"
ends 12 "rank 1 on $me was ended by SIGKILL, last at step"
is_missed 1
is_missed 0
begin 600
kill -9 "$(rank 1)"
eventually test -s end
pids=()
[ "$(cat end)" -ne 0 ] || fail "a lost rank is no success"
grep -qE "rank 1 on $me is gone, last at step|process rank 1 with PID" out || # mpirun kills, too
    fail "the rank is not named"
begin 600
kill -USR1 "$launcher" # which passes it on to all
ends 75 "stopped after step"
begin 600
kill -TERM "$(rank 1)"
ends 75 "stopped after step"
step=$(sed -n 's/.*stopped after step \([0-9]*\) of.*/\1/p' out | head -n 1)
[ "$(newest | sed 's/.*step_0*//')" = "$step" ] || fail "not saved where it stopped"
ranks 0 2 --until base base.horizon.steps=$((step + 3))
says "resumed at step $step of $((step + 3))"
[ "$(losses "$(with_step $((step + 2)))" | wc -l)" -eq $((step + 3)) ] ||
    fail "a step is lost, or there twice"
