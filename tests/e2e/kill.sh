# Killed at every record of the journal and at every rename, at random moments, in stages, by
# SIGTERM, and again while it recovers: the same command ends with the bytes of the unbroken run.
# Then the one thing that no kill makes: a checkpoint that is damaged where it lies.
. "$SRC/tests/e2e/lib.bash"
tiny="$SRC/tests/pipelines/tiny.yaml"
scratch=$work
[ -w /dev/shm ] && scratch=$(mktemp -d -p /dev/shm) # hundreds of runs: no need to wait for a disk
trap 'rm -rf "$scratch"; cleanup' EXIT

"$BUILD/torture-kill" "$BUILD/runnel" "$BUILD/librunnel-faults.so" "$tiny" "$scratch/kill" \
    random=4 hang=600 || fail "a killed run did not recover"
# A training of 60 steps, with another number of threads each time.
"$BUILD/torture-kill" "$BUILD/runnel" "$BUILD/librunnel-faults.so" \
    "$SRC/tests/pipelines/training.yaml" "$scratch/kill" random=0 every=0 training=40 hang=600 ||
    fail "a killed training did not end with the bits of the unbroken one"

expect 0 "$RUNNEL" run "$tiny" --runs whole --threads 1
expect 0 "$RUNNEL" run "$tiny" --runs broken --threads 1
rm -rf broken/.store/*-train-????????????????
newest=$(ls -d broken/.store/base-train-*.work/step_* | tail -n 1)
printf 'X' | dd of="$newest/model.safetensors" bs=1 seek=5000 conv=notrunc 2>/dev/null
expect 0 "$RUNNEL" run "$tiny" --runs broken --threads 1
says "passed over"
says "resumed at step"
diff -r whole/.store broken/.store >out || fail "another store than that of the unbroken run"
