#!/usr/bin/env bash
# A training of two ranks, one of whose processes is killed or stopped at random moments until it is
# through: it ends with the bits of the unbroken one.   TRIALS=20 SEED=1 tests/soak/ranks.sh build/runnel
set -u
program=$(realpath "$1") here=$(realpath "$(dirname "$0")")
command -v mpirun >/dev/null || { echo "SKIP: there is no mpirun"; exit 0; }
work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUNNEL_CACHE="$work/cache" CI=true
RANDOM=${SEED:-1}
cd "$work" || exit 1
begin() { # RUNS PATIENCE
    RUNNEL_PEER_S=$2 exec mpirun --oversubscribe --allow-run-as-root -np 2 "$program" run \
        "$here/../pipelines/training.yaml" --until base --threads 1 --runs "$1" base.horizon.epochs=30
}
weights() { cat "$1"/.store/base-train-*/model/model.safetensors | sha256sum; }
# below PID: it and all that it started.
below() {
    local child
    echo "$1"
    for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do below "$child"; done
}

(begin whole 600) >out 2>&1 || { cat out; exit 1; }
for trial in $(seq "${TRIALS:-20}"); do
    for attempt in $(seq 100); do
        (begin "broken$trial" 4) >out 2>&1 &
        launcher=$!
        sleep "$((RANDOM % 3)).$((RANDOM % 10))"
        victims=($(below $launcher | tail -n +2))
        [ ${#victims[@]} -eq 0 ] || kill -"$((RANDOM % 3 ? 9 : 19))" "${victims[RANDOM % ${#victims[@]}]}" 2>/dev/null
        wait $launcher && break
    done
    [ "$(weights whole)" = "$(weights "broken$trial")" ] || { echo "FAIL: trial $trial: other weights"; cat out; exit 1; }
    losses=$(grep -c '"loss"' broken$trial/training-*/metrics/base.jsonl)
    [ "$losses" -eq 600 ] || { echo "FAIL: trial $trial: $losses steps"; exit 1; }
    echo "trial $trial: through at start $attempt, the bits of the unbroken run"
    rm -rf "broken$trial"
done
