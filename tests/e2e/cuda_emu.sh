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
# near FILE FILE PART [N]: the first N (six) losses of each differ by a part of it at most.
near() {
    paste "$1" "$2" | head -n "${4:-6}" | awk -v most="$3" -v n="${4:-6}" '
        {d = $1 / $2 - 1; if (!(d < most && -d < most)) bad = 1} END {exit bad || NR != n}' ||
        fail "losses of $1 and $2 differ: $(paste "$1" "$2")"
}
# killed RUNS OPTIONS...: a training that is killed once two steps are saved.
killed() {
    "$RUNNEL" run mini.yaml --until base --runs "$1" --threads 1 "${tiny[@]}" \
        base.horizon.steps=6 --device cuda-emu "${@:2}" >killed.out 2>&1 &
    local runner=$!
    pids+=("$runner")
    eventually compgen -G "$1/.store/base-train-*.work/step_000002/manifest.json"
    kill -KILL "$runner" $(stages_of "$runner")
    wait "$runner"
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
expect 11 env RN_EMU_NO_GPU=35 RN_EMU_DRIVER=0 "$RUNNEL" "${step[@]}"
one_line "there is no NVIDIA driver"
expect 11 env RN_EMU_NO_GPU=35 RN_EMU_DRIVER=12040 "$RUNNEL" "${step[@]}"
one_line "it knows CUDA 12.4, and this program needs emulated"
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
near emu.losses cpu.losses 1e-5
train moved 2
train moved 4 --device cuda-emu
says "resumed at step 2"
train moved 6
says "resumed at step 4"
losses moved >moved.losses
near moved.losses cpu.losses 1e-5

# Killed where it stands, it goes on to the bits of the unbroken run; without graphs, too.
killed killed
RUNNEL_CUDA_GRAPHS=0 train killed 6 --device cuda-emu
weights emu >emu.weights
weights killed >killed.weights
same emu.weights killed.weights

# bf16, with attention by cuDNN's graphs: near the losses of fp32, and killed as above.
export RN_EMU_CUDNN=91900
train bf16 6 --device cuda-emu base.precision=bf16
losses bf16 >bf16.losses
near bf16.losses cpu.losses 1e-2
killed bf16-killed base.precision=bf16
train bf16-killed 6 --device cuda-emu base.precision=bf16
weights bf16 >emu.weights
weights bf16-killed >killed.weights
same emu.weights killed.weights

# What cuDNN cannot be used for is left to the own kernels, whole or in part; what fails while it
# computes ends the run.
for less in "RN_EMU_CUDNN=91000 RN_EMU_FAIL=cudnnBackendExecute" "RN_EMU_FAIL=cudnnCreate" "RN_EMU_FAIL=cudnnPlan:2"; do
    expect 0 env $less "$RUNNEL" run mini.yaml --until base --runs "less-$less" "${tiny[@]}" \
        base.horizon.steps=2 --device cuda-emu base.precision=bf16
    losses "less-$less" >less.losses
    near less.losses cpu.losses 1e-2 2
done
expect 11 env RN_EMU_FAIL=cudnnBackendExecute "$RUNNEL" run mini.yaml --until base --runs none \
    "${tiny[@]}" base.horizon.steps=2 --device cuda-emu base.precision=bf16
says "cuDNN: attention: "
