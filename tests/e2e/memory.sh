# Memory: said before anything runs, refused with the numbers and what would fit, and less of it where
# blocks are made again, with the same bits.
. "$(dirname "$0")/lib.bash"
cp "$SRC/tests/e2e/mini.yaml" .
few=(mini.yaml --until base base.horizon.steps=5)

expect 0 "$RUNNEL" run "${few[@]}" --runs kept
expect 0 "$RUNNEL" run "${few[@]}" --runs again base.recompute=block
same kept/.store/base-train-*[0-9a-f]/model/model.safetensors again/.store/base-train-*[0-9a-f]/model/model.safetensors
expect 0 "$RUNNEL" plan "${few[@]}" --runs kept base.recompute=block
says "4 to keep, 0 to run"

# What it takes, before it runs.
wide=(base.model.n_embd=256 base.model.sequence_len=256 base.batch.tokens=131072)
expect 0 "$RUNNEL" explain mini.yaml base --runs kept "${wide[@]}"
says "weights and gradients"

# Here a training may take 1.4 GiB. 512 rows do not fit: nothing is taken for them.
small() {
    (ulimit -v 1900000 && "$RUNNEL" run "${few[@]}" --threads 2 --runs kept "${wide[@]}" base.horizon.steps=1 "$@")
}
planned() {
    (ulimit -v 1900000 && "$RUNNEL" plan "${few[@]}" --runs kept "${wide[@]}" "$@")
}
expect 0 planned base.batch.device_rows=512
says "a training may take 1.4 GiB here"
expect 1 small base.batch.device_rows=512
says "512 rows a micro-step need"
says "weights and gradients"
says "batch.device_rows: "
expect 0 small base.batch.tokens=4096
says "base-train"

# Of a GPU its own memory counts, and a plan asks the card: the one of the emulator has 2 GiB.
[ -e "$BUILD/librunnel-cuda-emu.so" ] || exit 0
expect 0 "$RUNNEL" plan "${few[@]}" --runs kept "${wide[@]}" --device cuda-emu base.batch.device_rows=512
says "a training may take 1.9 GiB here; 'batch.device_rows: 256' fits"
expect 0 "$RUNNEL" plan "${few[@]}" --runs kept "${wide[@]}" --device cuda-emu
silent_about "a training may take"
