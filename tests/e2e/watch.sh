#!/bin/bash
# `runnel status RUN --watch`: a screen on a terminal, driven through tmux; lines elsewhere. The
# terminal comes back whole from q, Ctrl-C, Ctrl-Z and a change of size, and nothing that a sample
# holds gets through to it.
. "$(dirname "$0")/lib.bash"
cp "$SRC/tests/pipelines/tiny.yaml" p.yaml
"$RUNNEL" run p.yaml stages.base.horizon.epochs=30000 stages.base.checkpoint.every=2 \
    stages.base.checkpoint.keep=5 >run.log 2>&1 &
runner=$!
pids+=("$runner")
eventually eval "grep -q '\"step\":13,' runs/*/metrics/base.jsonl"
tag=$(ls runs)
kill -STOP $(stages_of "$runner")
numbers=runs/$tag/metrics/base.jsonl
printf '%s\n' '{"step":14,"time":1,"sample/0":"\u001b[2J\u0007<script>\u009b31m red\u202etxt \ud83d\ude00"}' >>"$numbers"

rm runs/.store/base-train-*.work/epoch_00001 # so that its checkpoint is spare
expect 6 "$RUNNEL" checkpoints "$tag" prune --keep 0 --yes
says "in use"

# What monitoring writes beside a run is shown with it. The columns are those of `runnel monitor`.
mkdir "runs/$tag/monitor"
printf '%s\n' timestamp,elapsed_sec,gpu0_power_w,gpu0_temp_c,gpu0_util_pct,gpu0_mem_used_mib \
    t,1,411.7,62,98,42189 >"runs/$tag/monitor/gpu_metrics_20260101_000000.csv"

# --- no terminal: lines, or objects ---
"$RUNNEL" status "$tag" --watch >lines 2>&1 &
lines=$!
"$RUNNEL" status "$tag" --watch --json >objects 2>&1 &
objects=$!
pids+=("$lines" "$objects")
eventually grep -qE '^[0-9:]{8}  base  running  .*loss ' lines
eventually grep -q '"run_state":"running".*"stage":"base"' objects
grep -qP '[\x00-\x08\x0b-\x1f\x7f]' lines && fail "control characters in the lines"

# --- a terminal ---
if ! command -v tmux >/dev/null; then
    echo "SKIP: no tmux, the screen was not looked at"
else
    terminal() { tmux -S "$work/tmux" "$@"; }
    screen() { terminal capture-pane -p -t watch; }
    shows() { screen 2>/dev/null | grep -qF -- "$1"; }
    is() { [ "$(terminal display-message -p -t watch "$1")" = "$2" ]; }
    whole() { # the other screen is gone, the cursor is there, the keyboard is as it was
        is '#{alternate_on} #{cursor_flag}' "0 1" || fail "$1 leaves the screen taken"
        terminal send-keys -t watch "stty -g >$work/after-$1" Enter
        eventually test -s "after-$1"
        same before "after-$1"
    }
    watch() {
        terminal send-keys -t watch "clear; $RUNNEL status $tag --watch; echo ended with \$?" Enter
        eventually shows "q leaves"
        eventually is '#{alternate_on} #{cursor_flag}' "1 0"
    }
    env -u CI LC_ALL=C.UTF-8 PS1='$ ' tmux -S "$work/tmux" -f /dev/null new-session -d -s watch \
        -x 100 -y 30 "bash --norc"
    terminal send-keys -t watch "stty -g >$work/before" Enter
    eventually test -s before

    watch
    eventually shows "> base  "
    shows "/90000 steps" || fail "no steps"
    shows "[------" || fail "no bar"
    shows "[2J" || fail "the sample's code is not shown as text"
    shows "gpu0  412 W  62 C  98 %  41.2 GiB" || fail "no line of the card"
    shows "<script>" || fail "the sample is not shown"
    screen | grep -qP '[\x00-\x08\x0b-\x1f\x7f]' && fail "control characters on the screen"
    terminal resize-window -t watch -x 30 -y 8
    eventually is '#{pane_width}x#{pane_height}' 30x8
    eventually eval '! shows "q leaves"'
    [ "$(screen | head -n 1 | cut -c 1-8)" = "${tag:0:8}" ] || fail "a small screen lost its first line"
    terminal resize-window -t watch -x 100 -y 30
    eventually shows "q leaves"
    terminal send-keys -t watch q
    eventually shows "ended with 0"
    whole q

    watch
    terminal send-keys -t watch C-z
    eventually shows "Stopped"
    whole stop
    terminal send-keys -t watch fg Enter
    eventually shows "q leaves"
    terminal send-keys -t watch C-c
    eventually is '#{alternate_on}' 0
    whole interrupt

    watch
    kill -9 "$runner" $(stages_of "$runner")
    eventually shows "ended with 0" # with the run, behind what status says
    shows "interrupted" || fail "the last state is not told"
    whole end
    terminal kill-server
fi
