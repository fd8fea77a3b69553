# `runnel replay` follows recorded trajectories, prints one JSON object a step and a verdict, and
# leaves with 0 only within tolerance.
. "$(dirname "$0")/lib.bash"

for name in gpt2 nanochat-2025 nanochat-2026; do
    for threads in 1 2; do
        "$RUNNEL" replay "$SRC/tests/golden/$name-tiny.safetensors" --threads $threads >out 2>err ||
            fail "$name: $(cat err) $(tail -n 1 out)"
        [ "$(wc -l <out)" -eq 21 ] || fail "$name: $(wc -l <out) lines, expected 20 steps and a verdict"
        tail -n 1 out | grep -q '"max_rel_loss": .*"max_rel_update": .*"ok": true' || fail "$name: no verdict"
        mv out "$name.$threads"
    done
    same "$name.1" "$name.2"
done

sed 's/\\"weight_decay\\": 0.1/\\"weight_decay\\": 0.0/' "$SRC/tests/golden/gpt2-tiny.safetensors" >wrong.safetensors
expect 9 "$RUNNEL" replay wrong.safetensors
says '"ok": false'
head -c 100000 "$SRC/tests/golden/gpt2-tiny.safetensors" >torn.safetensors
expect 5 "$RUNNEL" replay torn.safetensors
says "beyond the file"
expect 1 "$RUNNEL" replay absent.safetensors
expect 2 "$RUNNEL" replay
expect 2 "$RUNNEL" replay wrong.safetensors --precision fp4
expect 11 "$RUNNEL" replay wrong.safetensors --device cuda
