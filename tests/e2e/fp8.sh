# `precision: fp8` as a user meets it: on a device that has such products, on those that have none,
# and across a kill.
. "$(dirname "$0")/lib.bash"
cp "$SRC/tests/e2e/mini.yaml" .
tiny=(base.precision=fp8 base.fp8.min_dim=16 base.model.n_embd=32 base.model.sequence_len=32
      base.batch.tokens=128 base.batch.device_rows=2 base.checkpoint.every=2
      base.checkpoint.keep=9 base.eval.bpb.every=6 base.eval.bpb.tokens=256
      base.schedule.kind=constant)
train() { # RUNS STEPS OPTIONS...
    expect 0 "$RUNNEL" run mini.yaml --until base --runs "$1" --threads 1 "${tiny[@]}" \
        base.horizon.steps="$2" "${@:3}"
}
newest() { ls -td "$1"/mini-* | head -n 1; }
metric() { # RUNS NAME
    sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$(newest "$1")/metrics/base.jsonl"
}
weights() { cat "$1"/.store/base-train-*[0-9a-f]/model/model.safetensors; }

# A processor has none: one line says so, and the configuration says what is computed.
train cpu 2 --device cpu
says "fp8 was asked for, and processors have no products of it"
grep -qE "precision: .(bf16|fp32)" "$(newest cpu)/resolved.yaml" || fail "resolved.yaml: $(grep precision "$(newest cpu)/resolved.yaml")"

[ -e "$BUILD/librunnel-cuda-emu.so" ] || {
    echo "SKIP: built without the CUDA toolkit, fp8 is not tested on a GPU's backend"
    exit 0
}

# Nor has an older GPU.
RN_EMU_CAPABILITY=86 train old 2 --device cuda-emu
says "products in bf16, fp8 was asked for, and this GPU has no products of it"
grep -q "precision: .bf16" "$(newest old)/resolved.yaml" || fail "resolved.yaml does not say bf16"

# A newer one has, and stays close to bf16; a plan says how much is.
train fp8 6 --device cuda-emu
says "12 layers, 36 products of a micro-step in fp8 (hybrid, delayed scales)"
expect 0 "$RUNNEL" plan mini.yaml --until base --device cuda-emu --runs other "${tiny[@]}"
says "12 layers, 36 products of a micro-step in fp8 (hybrid, delayed scales)"
grep -q "precision: .fp8" "$(newest fp8)/resolved.yaml" || fail "resolved.yaml does not say fp8"
[ "$(metric fp8 fp8_saturated | wc -l)" -eq 6 ] || fail "no count of what was cut off"
train bf16 6 --device cuda-emu base.precision=bf16
metric fp8 loss >fp8.losses
metric bf16 loss >bf16.losses
cmp -s fp8.losses bf16.losses && fail "fp8 computes what bf16 does"
paste fp8.losses bf16.losses | awk '{d = $1 / $2 - 1; if (!(d <= 0.02 && d >= -0.02)) far = 1} END {exit far || NR != 6}' ||
    fail "losses of fp8 and bf16 differ: $(paste fp8.losses bf16.losses)"

# Killed where it stands, it goes on to the bits of the unbroken run: scales are in the checkpoint.
"$RUNNEL" run mini.yaml --until base --runs killed --threads 1 "${tiny[@]}" \
    base.horizon.steps=6 --device cuda-emu >killed.out 2>&1 &
runner=$!
pids+=("$runner")
eventually compgen -G 'killed/.store/base-train-*.work/step_000002/manifest.json'
kill -KILL "$runner" $(stages_of "$runner")
wait "$runner"
train killed 6 --device cuda-emu
weights fp8 >fp8.weights
weights killed >killed.weights
same fp8.weights killed.weights
metric fp8 fp8_saturated >fp8.cut
metric killed fp8_saturated >killed.cut
same fp8.cut killed.cut

# What is no format is told where it stands.
expect 3 "$RUNNEL" check mini.yaml base.fp8.format=e3m4
says "hybrid"

# Keys of fp8 are nobody's who computes otherwise: they change no tag, and make nothing stale.
tag_of() { "$RUNNEL" check mini.yaml base.precision=bf16 "$@" | sed 's/.*tag //'; }
[ "$(tag_of)" = "$(tag_of base.fp8.margin=2 base.fp8.format=e4m3)" ] || fail "fp8 changes a tag of bf16"
