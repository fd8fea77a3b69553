# Several ranks on GPUs that are played by the emulator: each its own card, the losses of one rank.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
. "$(dirname "$0")/lib.bash"
[ -e "$BUILD/librunnel-cuda-emu.so" ] || {
    echo "SKIP: built without the CUDA toolkit, its backend is not tested"
    exit 0
}
export RUNNEL_PEER_S=600 # no machine is that slow
cp "$SRC/tests/e2e/mini.yaml" .
tiny=(base.precision=fp32 base.model.n_embd=32 base.model.sequence_len=32 base.batch.tokens=128
      base.batch.device_rows=2 base.checkpoint.every=2 base.checkpoint.keep=9 base.eval.bpb.every=6
      base.eval.bpb.tokens=256 base.schedule.kind=constant)
train=("$RUNNEL" run mini.yaml --until base --threads 1 "${tiny[@]}")
mpi() { echo mpirun --oversubscribe --allow-run-as-root -np "$1"; }
newest() { ls -td "$1"/mini-* | head -n 1; }
losses() { sed -n 's/.*"loss":\([0-9.]*\).*/\1/p' "$(newest "$1")/metrics/base.jsonl"; }
# near RUNS RUNS: six losses each, equal but for the order of sums.
near() {
    paste <(losses "$1") <(losses "$2") |
        awk '{d = $1 / $2 - 1; if (!(d <= 1e-5 && d >= -1e-5)) far = 1} END {exit far || NR != 6}' ||
        fail "losses of $1 and $2 differ: $(paste <(losses "$1") <(losses "$2"))"
}
export RN_EMU_CARDS=2

expect 0 "${train[@]}" --runs alone base.horizon.steps=6

# A card by its number; one that is not there is told with how many are, before anything is made.
expect 11 "${train[@]}" --runs none --device cuda-emu:2
says "there is no GPU 2: the driver shows 2"
expect 11 "${train[@]}" --runs none --device cpu:0
says "the processor has no card 0"
expect 11 "${train[@]}" --runs none --device cuda-emu:
says "'cuda-emu:' is no name of a device"
[ ! -e none ] || fail "a run began without its card"
expect 0 "${train[@]}" --runs alone.second --device cuda-emu:1 base.horizon.steps=6
near alone.second alone

# Through the host's memory, by Open MPI.
if [ -e "$BUILD/librunnel-mpi.so" ] && command -v mpirun >/dev/null; then
    RN_EMU_CARDS=1 expect 11 $(mpi 2) "${train[@]}" --runs none --device cuda-emu
    says "2 ranks on this host take a GPU each, and the driver shows 1"
    expect 2 $(mpi 2) "${train[@]}" --runs none --device cuda-emu:1
    says "--device cuda-emu:1 is one card, and 2 ranks on this host want their own"
    [ ! -e none ] || fail "a run began without cards for all"
    RUNNEL_COMM=mpi expect 0 $(mpi 2) "${train[@]}" --runs host --device cuda-emu base.horizon.steps=6
    says "what the ranks share goes through the host's memory: slow"
    [ "$(grep -c "through the host's memory" out)" -eq 1 ] || fail "once is enough"
    near host alone
else
    echo "SKIP: built without Open MPI: ranks on GPUs through the host's memory are not tested"
fi

# Through NCCL's stand-in, by processes that rank 0 starts.
[ -e "$BUILD/librunnel-nccl-emu.so" ] || {
    echo "SKIP: built without nccl.h: what ranks on GPUs talk through is not tested"
    exit 0
}
model() { ls "$1"/.store/base-train-*[0-9a-f]/model/model.safetensors; }
orders() { grep -o '"data_order":[0-9.e+]*' "$(newest "$1")/metrics/base.jsonl"; }
gpus() { expect "$1" "${train[@]}" --device cuda-emu --gpus "${@:2}"; }
RN_EMU_CARDS=1 gpus 11 2 --runs none
says "2 ranks on this host take a GPU each, and the driver shows 1"
gpus 2 0 --runs none
expect 2 "${train[@]}" --gpus 2 --device cpu --runs none
says "--gpus is for GPUs, and --device says cpu"
RUNNEL_COMM=mpi gpus 11 2 --runs none
says "--gpus needs NCCL"
RANK=0 WORLD_SIZE=2 gpus 2 2 --runs none
says "this is one of 2 that torchrun started"
[ ! -e none ] || fail "something was made before"
expect 0 "$RUNNEL" plan mini.yaml --gpus 2 --runs none
says "2 ranks on this machine: rank 0 on cuda:0, rank 1 on cuda:1"
expect 0 "$RUNNEL" plan "$SRC/pipelines/nanochat-2025.yaml" --gpus 2 --device cuda-emu --runs none
says "memory is each one's: 48.0 MiB of it for what they share"
gpus 0 2 --runs two base.horizon.steps=6
says "2 ranks by --gpus"
says "2 ranks by nccl, each 2 rows"
says "what ranks share 48.0 MiB"
says "rank 0 of 2 on card 0; 48.0 MiB of its memory for what travels, about 0 B for NCCL"
near two alone
gpus 0 1 --runs one base.horizon.steps=6
says "1 rank by --gpus"
RN_EMU_FAIL=ncclReduceScatter gpus 12 1 --runs one.failing
expect 0 "${train[@]}" --runs one.alone --device cuda-emu base.horizon.steps=6
same "$(model one)" "$(model one.alone)"
RN_EMU_CARDS=4 gpus 0 4 --runs four base.batch.device_rows=1 base.horizon.steps=6
near four alone
[ -z "$(ls -A two | grep '^.ranks')" ] || fail "where the ranks met is left behind"

# Gradients travel while others are still being computed: whole ones alone, so the bits are those of
# gradients that travel at the end, whether the card hurries with them or not.
cut() { # RANKS RUNS RUNS: those of RANKS ranks with everything at once
    RUNNEL_BUCKET=4KiB RN_EMU_NOTES=$PWD/notes.$2 gpus 0 "$1" --runs "$2" base.horizon.steps=6
    same "$(model "$2")" "$(model "$3")"
    # within a step: sums begin, backward goes on, more sums
    awk '$1 == "gather" {sums = 0} $1 == "reduce" {travels += on && sums; sums = 1; on = 0}
         $1 == "graph" {on = 1} END {exit travels < 20}' "notes.$2.0" ||
        fail "nothing of $2 travels before the backward pass is over"
}
RN_EMU_HURRY=1 cut 2 two.cut two
cut 2 two.cut.late two
RN_EMU_CARDS=4 RN_EMU_HURRY=1 cut 4 four.cut four
RUNNEL_BUCKET=many gpus 2 2 --runs none
says "RUNNEL_BUCKET is 'many', expected a size as 32 MiB"

# From the processor to two GPUs, to one, and back: the same data, the same losses.
expect 0 "${train[@]}" --runs moved base.horizon.steps=2
gpus 0 2 --runs moved base.horizon.steps=3
says "ranks was 1 and is 2"
expect 0 "${train[@]}" --runs moved --device cuda-emu base.horizon.steps=4
says "ranks was 2 and is 1"
expect 0 "${train[@]}" --runs moved base.horizon.steps=6
near moved alone
same <(orders moved) <(orders alone)

# A plan knows how many ranks made what it measures by: four take half of two's time, it guesses.
time_for() { # RANKS
    expect 0 "$RUNNEL" plan --json "${train[@]:2}" --runs two --device cuda-emu --gpus "$1" \
        base.horizon.steps=600
    sed -n '/"stage":"base"/s/.*"time_guessed":\([a-z]*\),"time_s":\([0-9.]*\).*/\2 \1/p' out
}
read -r of_two how_two < <(time_for 2)
read -r of_four how_four < <(time_for 4)
awk "BEGIN { exit !($of_two > 0 && $of_two / $of_four > 1.99 && $of_two / $of_four < 2.01) }" &&
    [ "$how_two $how_four" = "false true" ] ||
    fail "two ranks: $of_two s (guessed: $how_two), four: $of_four s (guessed: $how_four)"

# In eight bits, too: what scales follow is of all ranks, so that one rank, two and one again learn as
# one alone, and a training of two that is killed goes on to the bits of the unbroken one.
eight=("${train[@]}" base.precision=fp8 'base.fp8={min_dim: 16, amax_history: 64}' base.batch.tokens=256
       --device cuda-emu)
for at in 1:2 2:4 1:6; do
    expect 0 "${eight[@]}" --runs eight.moved --gpus "${at%:*}" base.horizon.steps="${at#*:}"
done
says "ranks was 2 and is 1"
expect 0 "${eight[@]}" --runs eight --gpus 2 base.horizon.steps=6
same <(orders eight.moved) <(orders eight)
paste <(losses eight) <(losses eight.moved) |
    awk '{d = $1 / $2 - 1; if (!(d <= 1e-4 && d >= -1e-4)) far = 1} END {exit far || NR != 6}' ||
    fail "in eight bits one rank and two differ: $(paste <(losses eight) <(losses eight.moved))"
RN_EMU_FAIL=ncclReduceScatter:5 expect 12 "${eight[@]}" --runs eight.broken --gpus 2 base.horizon.steps=6
expect 0 "${eight[@]}" --runs eight.broken --gpus 2 base.horizon.steps=6
says "resumed at step " # 4, or 2: rank 1 may fail in step 5 while rank 0 still saves step 4
same "$(model eight)" "$(model eight.broken)"

# Two ranks that a launcher shows one card each take that; if it is the same one, NCCL says so.
slurm=(env SLURM_JOB_ID=$$ SLURM_STEP_NUM_TASKS=2 SLURM_GPUS_PER_TASK=1 RN_EMU_CARDS=1
       SLURM_STEP_TASKS_PER_NODE=2)
SLURM_PROCID=1 SLURM_LOCALID=1 "${slurm[@]}" "${train[@]}" --runs shown --device cuda-emu >rank1 2>&1 &
pids+=($!)
SLURM_PROCID=0 SLURM_LOCALID=0 expect 12 "${slurm[@]}" "${train[@]}" --runs shown --device cuda-emu
says "NCCL cannot bring the ranks together: two ranks on one GPU"
wait "${pids[@]}"
pids=()

# Whatever NCCL cannot do is told in a line, ends all ranks, and the same command goes on.
for call in ncclGetUniqueId ncclCommInitRankConfig ncclCommGetAsyncError:2 ncclReduceScatter:2 \
    ncclAllGather:3 ncclBroadcast:2; do
    RN_EMU_FAIL=$call gpus 12 2 --runs failing base.horizon.steps=6
    says "NCCL cannot "
done
RN_EMU_FAIL=cudaStreamQuery:20 gpus 11 2 --runs failing base.horizon.steps=6
says "the GPU cannot "
gpus 0 2 --runs failing base.horizon.steps=6
near failing alone

# A rank that is killed is named, the others end, none is left; and it goes on from what was saved.
saved() { ls -d killed/.store/base-train-*.work/step_000004 >/dev/null 2>&1; }
"${train[@]}" --device cuda-emu --gpus 2 --runs killed base.horizon.steps=5000 >out 2>&1 &
rank0=$!
pids+=("$rank0")
eventually saved
for pid in $(stages_of "$rank0"); do
    tr '\0' '\n' </proc/$pid/environ | grep -qx RUNNEL_RANK=1 && rank1=$pid
done
trainer=$(stages_of "$rank1")
kill -KILL "$trainer"
wait "$rank0"
[ $? -eq 12 ] || fail "a lost rank is exit 12"
says "rank 1 on $(hostname) was ended by SIGKILL, last at step"
pids=()
[ ! -e "/proc/$rank1" ] || fail "rank 1 is left behind"
step=$(ls -d killed/.store/base-train-*.work/step_* | tail -n 1 | sed 's/.*step_0*//')
gpus 0 2 --runs killed base.horizon.steps=$((step + 2))
says "resumed at step $step"
