# Killed with -9 in base-train and again in mid-train, the run goes on and ends with the same bytes
# as the unbroken one; a corrupted newest checkpoint is passed over, and that is said.
. "$(dirname "$0")/lib.bash"
cp "$SRC/tests/e2e/mini.yaml" .

# kill_in STAGE STEP: starts a run and kills it once STAGE has a checkpoint of STEP.
kill_in() {
    "$RUNNEL" run mini.yaml --runs broken >"$work/out" 2>&1 &
    local pid=$! i
    pids+=("$pid")
    for i in $(seq 600); do
        ls -d broken/.store/"$1"-*.work/step_"$2" >/dev/null 2>&1 && break
        kill -0 "$pid" 2>/dev/null || fail "the run ended before $1 reached step $2"
        sleep 0.05
    done
    kill -9 "$pid" || fail "nothing to kill in $1"
    wait "$pid" 2>/dev/null
}

expect 0 "$RUNNEL" run mini.yaml --runs whole
kill_in base-train 000040
newest=$(ls -d broken/.store/base-train-*.work/step_* | tail -n 1)
printf 'X' | dd of="$newest/model.safetensors" bs=1 seek=5000 conv=notrunc 2>/dev/null
kill_in mid-train 000040
grep -q "passed over" broken/*/log/base.log || fail "nobody said that a damaged checkpoint was passed over"
expect 0 "$RUNNEL" run mini.yaml --runs broken
says "resumed at step"

for model in base-train mid-train sft; do
    same whole/.store/$model-*[0-9a-f]/model/model.safetensors broken/.store/$model-*[0-9a-f]/model/model.safetensors
    same whole/.store/$model-*[0-9a-f]/best/model.safetensors broken/.store/$model-*[0-9a-f]/best/model.safetensors
done
expect 0 "$RUNNEL" run mini.yaml --runs broken --threads 1
echo "killed twice, one checkpoint damaged, same weights"
