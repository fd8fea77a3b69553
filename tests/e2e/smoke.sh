# The shipped demonstration, whole: in 150 s of processor time, gates met, a rejection in the first lines; a second
# run keeps everything; a changed SFT key keeps base and mid; without learning the gate fails.
. "$(dirname "$0")/lib.bash"
pipeline="$SRC/pipelines/smoke.yaml"
expect 0 "$RUNNEL" run "$pipeline"
times >spent # of processor time, which neighbours do not stretch
took=$(awk 'NR == 2 {for (i = 1; i <= 2; i++) {split($i, t, "[ms]"); s += 60 * t[1] + t[2]}
    print int(s)}' spent)
says "rejected shard_00000.parquet from builtin:access-denied: refused: S3 AccessDenied (403)"
says "8 made, 0 kept"
[ "$took" -le 150 ] || fail "took $took s, expected at most 150"
cp out first.out

expect 0 "$RUNNEL" run "$pipeline"
says "nothing to do: 8 stages are up to date"
expect 0 "$RUNNEL" plan "$pipeline" --exit-code

tag=$("$RUNNEL" status "$pipeline" --json | head -n 1 | sed 's/.*"tag": *"\([^"]*\)".*/\1/')
expect 0 "$RUNNEL" sample "$tag:sft" --chat --prompt "Where does Mira live?"
says "In Corvik."
. "$SRC/tests/e2e/chat.bash"
expect 0 "$RUNNEL" metrics "$tag" --to csv --stage base
says "step,loss,grad_norm,lrm,dt_ms,tok_per_sec,mfu,total_time_min"
expect 0 "$RUNNEL" checkpoints "$tag"
says "step_000120"

expect 10 "$RUNNEL" plan "$pipeline" --exit-code sft.lr_frac=0.03
expect 9 "$RUNNEL" run "$pipeline" base.horizon.steps=1 mid.horizon.steps=1 sft.horizon.steps=1 \
    'base.gate=["finite(loss)"]'
says "sft.tiny_world >= 0.9"
grep -E 'sft.tiny_world: 0\.[0-3]' out >/dev/null || fail "an untrained model is not near chance"
echo "smoke took $took s"
