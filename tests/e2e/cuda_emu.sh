# The CUDA backend as it is, over stand-ins for CUDA's runtime and libraries (tests/emu): recorded
# trajectories, a training that is killed and goes on, and goes on elsewhere.
. "$(dirname "$0")/lib.bash"
[ -e "$BUILD/librunnel-cuda-emu.so" ] || {
    echo "SKIP: built without the CUDA toolkit, its backend is not tested"
    exit 0
}
cp "$SRC/tests/e2e/mini.yaml" .
tiny=(base.precision=fp32 base.model.n_embd=32 base.model.sequence_len=32 base.batch.tokens=128
      base.batch.device_rows=2 base.checkpoint.every=2 base.checkpoint.keep=9 base.eval.bpb.every=6
      base.eval.bpb.tokens=256 base.schedule.kind=constant)
train() { # RUNS STEPS OPTIONS...
    expect 0 "$RUNNEL" run mini.yaml --until base --runs "$1" --threads 1 "${tiny[@]}" \
        base.horizon.steps="$2" "${@:3}"
}
newest() { ls -td "$1"/mini-* | head -n 1; }
losses() { sed -n 's/.*"loss":\([0-9.]*\).*/\1/p' "$(newest "$1")/metrics/base.jsonl"; }
weights() { cat "$1"/.store/base-train-*[0-9a-f]/model/model.safetensors; } # of the only model
# near FILE FILE: six losses each, equal but for the order of sums.
near() {
    paste "$1" "$2" | awk '{d = $1 / $2 - 1; if (d > 1e-5 || d < -1e-5) exit 1} END {exit NR != 6}' ||
        fail "losses of $1 and $2 differ: $(paste "$1" "$2")"
}

# A run is told before it fetches anything.
cp "$SRC/tests/e2e/mini.yaml" .
expect 11 env RN_EMU_NO_GPU=35 "$RUNNEL" run mini.yaml --device cuda-emu
says "no GPU to compute on"
says "--device cpu"
[ ! -e "$RUNNEL_RUNS" ] || fail "a run began without its device"

# What is missing or fails is told in one line, and is exit 11.
step=(replay "$SRC/tests/golden/gpt2-tiny.safetensors" --device cuda-emu)
one_line() { # TEXT
    says "$1"
    [ "$(wc -l <out)" -eq 1 ] || fail "more than one line"
}
expect 11 env RN_EMU_NO_GPU=35 "$RUNNEL" "${step[@]}"
one_line "no NVIDIA driver"
expect 11 env RN_EMU_NO_GPU=100 "$RUNNEL" "${step[@]}"
one_line "the NVIDIA driver sees no GPU"
expect 1 env RN_EMU_FAIL=cudaMalloc:2 "$RUNNEL" "${step[@]}"
says "on the GPU: "
for call in cublasLtCreate cudaMemcpyAsync:3 cudaMemsetAsync cudaStreamSynchronize cublasLtMatmul:13 cudaStreamEndCapture; do
    expect 11 env RN_EMU_FAIL=$call "$RUNNEL" "${step[@]}"
    says "the GPU: "
done

# Three trajectories that PyTorch has recorded, within the tolerances that hold for the CPU.
for name in gpt2 nanochat-2025 nanochat-2026; do
    "$RUNNEL" replay "$SRC/tests/golden/$name-tiny.safetensors" --device cuda-emu >out 2>err ||
        fail "$name: $(cat err) $(tail -n 1 out)"
done

# The same pipeline on both devices, and from one to the other and back: the same losses.
train cpu 6
train emu 6 --device cuda-emu
losses cpu >cpu.losses
losses emu >emu.losses
near emu.losses cpu.losses
train moved 2
train moved 4 --device cuda-emu
says "resumed at step 2"
train moved 6
says "resumed at step 4"
losses moved >moved.losses
near moved.losses cpu.losses

# Killed where it stands, it goes on to the bits of the unbroken run; without graphs, too.
"$RUNNEL" run mini.yaml --until base --runs killed --threads 1 "${tiny[@]}" \
    base.horizon.steps=6 --device cuda-emu >killed.out 2>&1 &
runner=$!
pids+=("$runner")
eventually compgen -G 'killed/.store/base-train-*.work/step_000002/manifest.json'
kill -KILL "$runner" $(stages_of "$runner")
wait "$runner"
RUNNEL_CUDA_GRAPHS=0 train killed 6 --device cuda-emu
weights emu >emu.weights
weights killed >killed.weights
same emu.weights killed.weights

