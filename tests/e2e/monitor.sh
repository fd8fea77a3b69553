#!/usr/bin/env bash
# `runnel monitor`: samples of cards as CSV, with a driver that is played (tests/fake/nvml.c).
. "$(dirname "$0")/lib.bash"
cards="$BUILD/fake-nvml"

# Without a driver: one line, exit 11, no file.
LD_LIBRARY_PATH= expect 11 "$RUNNEL" monitor
says "libnvidia-ml.so.1 is missing: it comes with the NVIDIA driver"
[ -z "$(ls -- *.csv 2>/dev/null)" ] || fail "a file was left behind"

export LD_LIBRARY_PATH="$cards"
# A file named by the time, the user's columns, a row a sample; then what each card used.
FAKE_NVML="cards=2 no=memtemp" expect 0 "$RUNNEL" monitor --hz 50 --duration 0.1s
says "the driver renews power"
says "gpu1"
csv=$(echo gpu_metrics_????????_??????.csv)
head -n 1 "$csv" | grep -q '^timestamp,elapsed_sec,gpu0_power_w,gpu0_temp_c,.*,gpu1_power_w,' ||
    fail "columns: $(head -n 1 "$csv")"
[ "$(awk -F, '{print NF}' "$csv" | sort -u | wc -l)" = 1 ] || fail "rows of different widths"

# Ctrl-C ends it well, with its summary.
"$RUNNEL" monitor --hz 100 --format long --out long.csv --json >sums 2>/dev/null &
pid=$!
pids+=("$pid")
eventually grep -q ,GPU-00000000, long.csv
kill -INT "$pid"
wait "$pid" || fail "exit $? after Ctrl-C"
grep -q '"device":"gpu0".*"path":"long.csv".*"samples":[1-9]' sums || fail "$(cat sums)"

# What was asked for wrongly.
expect 2 "$RUNNEL" monitor --gpus 1
says "no such card in '1'"
expect 2 "$RUNNEL" monitor --hz 101
expect 2 "$RUNNEL" monitor --duration soon
expect 1 "$RUNNEL" monitor --duration 1s --out long.csv
says "long.csv"

# Beside a run: rows with stage and step, and the power in the training's own numbers. The helper
# holds no lock of the run's.
expect 0 "$RUNNEL" run "$SRC/tests/e2e/mini.yaml" --until base base.horizon.steps=10 monitor.hz=50
tag=$(ls runs)
grep -q ',base,[0-9]*$' runs/"$tag"/monitor/gpu_metrics_*.csv || fail "no rows of base"
grep -q '"gpu_power_w":.*"gpu_temp_c":.*"j_per_token":' "runs/$tag/metrics/base.jsonl" ||
    fail "no power among the numbers"
expect 0 "$RUNNEL" report "$tag" -o report.html
grep -q 'Energy of a token' report.html || fail "no curve of it"
LD_LIBRARY_PATH= expect 0 "$RUNNEL" run "$SRC/tests/e2e/mini.yaml" --until base monitor.hz=50 \
    base.horizon.steps=10 vars.seed=8
says "the GPUs are not monitored: libnvidia-ml.so.1 is missing"
echo "monitor: ok"
