# What a run's numbers become: event files that stay one curve over a kill, a page that holds
# everything in one file, and other programs' formats. A browser looks at the page where there is one.
. "$(dirname "$0")/lib.bash"
cp "$SRC/tests/pipelines/tiny.yaml" p.yaml
expect 0 "$RUNNEL" run p.yaml stages.base.eval.histograms.every=3
tag=$(ls runs)
[ -n "$(find runs/"$tag"/tensorboard/base -name 'events.out.tfevents.*')" ] || fail "no event files"

events=$(cat runs/"$tag"/tensorboard/base/events.out.tfevents.* | tr -d '\0')
for what in weights/transformer.wte.weight gradients/lm_head.weight _hparams_/session_start_info; do
    grep -qaF "$what" <<<"$events" || fail "TensorBoard gets no $what"
done

mkdir "runs/$tag/monitor"
printf '%s\n' elapsed_sec,gpu0_power_w,gpu0_temp_c 0,400,60 1,410,61 2,,62 \
    >"runs/$tag/monitor/gpu_metrics_20260101_000000.csv"

expect 0 "$RUNNEL" report "$tag"
page=runs/$tag/report.html
[ "$(wc -c <"$page")" -lt $((2 << 20)) ] || fail "the page has $(wc -c <"$page") bytes"
grep -q 'id="loss"' "$page" || fail "no curve of the loss"
grep -q 'Power of the cards' "$page" || fail "what monitoring saw is not drawn"
grep -q 'resolved.yaml' "$page" || fail "no configuration"
! grep -oE '(src|href)="?https?:' "$page" || fail "the page wants the network"

expect 0 "$RUNNEL" report "$tag" --md card.md --card README.md
grep -q '^## Base model training: base' card.md || fail "no section of nanochat's"
grep -q '^| val_bpb | [0-9.]* |' card.md || fail "no table"
head -n 1 README.md | grep -qx -- '---' || fail "no front matter"

if pkg-config --exists cairo; then
    expect 0 "$RUNNEL" report "$tag" --png run.png
    [ "$(head -c 8 run.png | od -An -tx1)" = " 89 50 4e 47 0d 0a 1a 0a" ] || fail "no PNG"
    [ "$(wc -c <run.png)" -gt 20000 ] || fail "an empty picture"
else
    echo "SKIP: no cairo, no picture was drawn"
    expect 2 "$RUNNEL" report "$tag" --png run.png
    says "cairo"
fi
[ ! -e "runs/$tag/report.png" ] || fail "a picture that nobody asked for"

expect 0 "$RUNNEL" run p.yaml vars.seed=7
other=$(ls runs | grep -v "^$tag\$")
expect 0 "$RUNNEL" compare "$tag" "$other" -o both.html
grep -q 'base.seed' both.html || fail "the difference is not told"
grep -qE '"flops":\[[0-9.e+]*[1-9]' both.html || fail "no axis of FLOPs"

expect 0 "$RUNNEL" run p.yaml vars.seed=8 tensorboard=false --until base
third=$(ls runs | grep -v -e "^$tag\$" -e "^$other\$")
[ ! -e "runs/$third/tensorboard" ] || fail "tensorboard: false wrote event files"

expect 0 "$RUNNEL" metrics "$tag" --to csv
head -n 1 out | grep -q '^step,loss,grad_norm,lrm,dt_ms,tok_per_sec,mfu,total_time_min' || fail "CSV"
expect 0 "$RUNNEL" metrics "$tag" --to tensorboard
expect 0 "$RUNNEL" metrics "$tag" --to wandb-offline
expect 2 "$RUNNEL" metrics "$tag" --to csv --out x

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
[ -n "$browser" ] || { echo "SKIP: no Chromium, the page was not looked at"; exit 0; }
look() { # NAME OPTIONS...
    timeout 120 "$browser" --headless=new --no-sandbox --disable-gpu --user-data-dir="$work/profile" \
        --enable-logging=stderr --screenshot="$work/$1.png" "${@:2}" "file://$work/both.html" 2>console
    ! grep -E 'CONSOLE|Uncaught' console || fail "$1: the console is not empty"
    [ "$(wc -c <"$1.png")" -gt 20000 ] || fail "$1: an empty picture"
}
look light --window-size=1200,2000
look dark --window-size=1200,2000 --blink-settings=preferredColorScheme=0
look narrow --window-size=400,2000
cmp -s light.png dark.png && fail "both colour schemes look the same"
exit 0
