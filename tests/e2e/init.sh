# Weights to start from: a stage's model, a folder, and what does not fit.
. "$SRC/tests/e2e/lib.bash"
sed '/^  mid:/,$d; s/horizon: {steps: 200}/horizon: {steps: 20}/' "$SRC/tests/e2e/mini.yaml" >mini.yaml
sed -n '/^  base:/,$p' mini.yaml | sed 's/^  base:/  on:/; s/horizon: {steps: 20}/horizon: {steps: 2}\n    init: base/' >on.part
cat on.part >>mini.yaml
run() { expect "$1" "$RUNNEL" run mini.yaml --threads 1 "${@:2}"; }
tag() { basename "$(ls -td "$RUNNEL_RUNS"/mini-* | head -n 1)"; }
bpb_at() { # TAG STAGE STEP
    grep "\"step\":$3[,}]" "$RUNNEL_RUNS/$1/metrics/$2.jsonl" | grep -o '"val_bpb":[0-9.]*'
}

# The first evaluation is the last one of the model it starts from.
run 0
first=$(tag)
[ -n "$(bpb_at "$first" base 20)" ] || fail "no val_bpb at the end of base"
[ "$(bpb_at "$first" base 20)" = "$(bpb_at "$first" on 0)" ] ||
    fail "it starts from other weights: $(bpb_at "$first" base 20), $(bpb_at "$first" on 0)"

# A folder of the same weights is the same start.
cp -rL "$RUNNEL_RUNS/$first/stages/base/model" weights && chmod -R u+w weights
run 0 on.init=./weights
[ "$(bpb_at "$(tag)" on 0)" = "$(bpb_at "$first" on 0)" ] || fail "a folder gives another start"

# Other weights in the folder make the stage run again.
expect 0 "$RUNNEL" plan mini.yaml on.init=./weights --exit-code
cp -L "$RUNNEL_RUNS/$first/stages/on/model/model.safetensors" weights/
expect 10 "$RUNNEL" plan mini.yaml on.init=./weights --exit-code

# A model of another size is refused with the weight that does not fit.
run 5 on.init=./weights on.model.n_embd=96
says "is 448x64, expected 448x96"
