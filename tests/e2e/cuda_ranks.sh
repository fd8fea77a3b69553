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
        awk '{d = $1 / $2 - 1; if (d > 1e-5 || d < -1e-5) exit 1} END {exit NR != 6}' ||
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

# Through NCCL's stand-in, which refuses two ranks on one card.
if [ -e "$BUILD/librunnel-nccl-emu.so" ] && command -v mpirun >/dev/null; then
    expect 0 $(mpi 2) "${train[@]}" --runs nccl --device cuda-emu base.horizon.steps=6
    says "2 ranks by nccl"
    near nccl alone
fi
