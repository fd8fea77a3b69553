#!/usr/bin/env bash
# Makes the pictures of docs/ again: the smoke pipeline, killed in the middle of its training and
# taken up again, in TensorBoard and as a report. Needs chromium, and tensorboard on the PATH
# (python3 -m venv v && v/bin/pip install tensorboard; PATH=v/bin:$PATH).
#   tools/screenshots.sh [RUNNEL=build/runnel] [FOLDER=docs]
set -euo pipefail
runnel=$(realpath "${1:-build/runnel}")
to=$(realpath "${2:-docs}")
smoke=$(realpath "$(dirname "$0")/../pipelines/smoke.yaml")
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
cd "$work"
export RUNNEL_RUNS=$work/runs RUNNEL_CACHE=$work/cache
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
for need in "$browser" tensorboard; do
    command -v "$need" >/dev/null || {
        echo "screenshots: no $need here" >&2
        exit 1
    }
done

again=("$runnel" run "$smoke" stages.base.eval.histograms.every=10)
"${again[@]}" >run.log 2>&1 &
runner=$!
until grep -q '"step":60,' runs/*/metrics/base.jsonl 2>/dev/null; do
    kill -0 "$runner"
    sleep 0.1
done
kill -9 "$runner" # the stage goes with it
wait "$runner" || true
"${again[@]}"
tag=$(ls runs)

tensorboard --logdir "runs/$tag/tensorboard" --host 127.0.0.1 --port 0 >board.log 2>&1 &
server=$!
until url=$(grep -o 'http://[^ ]*' board.log); do
    kill -0 "$server"
    sleep 0.1
done
look() { # NAME SIZE URL
    timeout 120 "$browser" --headless=new --no-sandbox --disable-gpu --hide-scrollbars \
        --user-data-dir="$work/profile" --virtual-time-budget=60000 --window-size="$2" \
        --run-all-compositor-stages-before-draw \
        --screenshot="$to/$1.png" "$3" >/dev/null 2>&1
    echo "$to/$1.png"
}
sleep 5 # until it has read the files
look tensorboard 1200,760 "$url#scalars&_smoothingWeight=0&tagFilter=train/(loss|lrm|grad_norm)\$|val"
look tensorboard_histograms 1200,560 "$url#histograms&tagFilter=h.0.attn.c_(q|proj)"
"$runnel" report "$tag" >/dev/null
look report 1200,1500 "file://$work/runs/$tag/report.html"
