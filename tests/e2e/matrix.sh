# A matrix: one run per cell, what cells have in common is made once, a failure of one cell is that of
# one cell when the file says so.
. "$(dirname "$0")/lib.bash"
cp "$SRC/tests/pipelines/tiny.yaml" .
cat >sweep.yaml <<'YAML'
runnel: 1
include: [tiny.yaml]
name: sweep
tag: "${name}-s${vars.seed}-${key8}"
matrix:
  vars.seed: [1, 2]
  base.horizon: [{steps: 2}, {steps: 3}]
  exclude: [{vars.seed: 2, base.horizon: {steps: 3}}]
YAML
expect 0 "$RUNNEL" check sweep.yaml
says "3 cells"

# plan names every cell and touches nothing.
expect 0 "$RUNNEL" plan sweep.yaml
for cell in seed=1,horizon=#1 seed=1,horizon=#2 seed=2,horizon=#1; do says "cell $cell"; done
silent_about "seed=2,horizon=#2"
[ ! -e runs ] || fail "plan touched runs/"
expect 10 "$RUNNEL" plan sweep.yaml --exit-code
"$RUNNEL" plan sweep.yaml --json >plan.json || fail "plan --json"
[ "$(wc -l <plan.json)" -eq 24 ] || fail "3 cells of 8 stages are not 24 lines"

# Commands that are about one pipeline ask which.
expect 2 "$RUNNEL" status sweep.yaml
says "matrix of 3 cells"
expect 2 "$RUNNEL" run sweep.yaml --cell 4
says "no cell '4'"
expect 3 "$RUNNEL" run sweep.yaml vars.seed=5
says "the matrix of the file sets 'vars.seed'"
[ ! -e runs ] || fail "something touched runs/"

# One cell, then all: the stages before base are made once, the cell that is there is kept.
expect 0 "$RUNNEL" run sweep.yaml --cell seed=2,horizon=#1
[ "$(ls runs | wc -l)" -eq 1 ] || fail "one cell is not one run"
expect 0 "$RUNNEL" run sweep.yaml
[ "$(ls runs | wc -l)" -eq 3 ] || fail "three cells are not three runs"
[ "$(ls -d runs/.store/tokenize-* | wc -l)" -eq 1 ] || fail "the cells do not share their tokens"
[ "$(ls -d runs/.store/base-train-* | grep -vc '\.work$')" -eq 3 ] || fail "three cells are not three models"
expect 0 "$RUNNEL" plan sweep.yaml --exit-code
expect 0 "$RUNNEL" status sweep.yaml --cell 3
says "done"

# The cells side by side, with what the gates look at.
expect 0 "$RUNNEL" runs --matrix sweep.yaml
says "base.loss"
[ "$(grep -c 'done' out)" -eq 3 ] || fail "three cells are not three rows"
expect 0 "$RUNNEL" runs --matrix sweep.yaml --json
[ "$(grep -c '"numbers":{"base.loss":[0-9]' out)" -eq 3 ] || fail "a cell has no number"

# A cell that fails: the first one ends it, or the others run and the first failure is the exit code.
sed -i 's/^  base.horizon: .*/  base.gate: [["finite(loss)"], ["loss < 0"], ["loss < 100"]]/; /exclude/d' sweep.yaml
sed -i 's/vars.seed: \[1, 2\]/vars.seed: [1]/; s/^tag: .*/tag: "${name}-${vars.word}-${key8}"/; /^matrix/i vars: {word: x}' sweep.yaml
expect 3 "$RUNNEL" run sweep.yaml
says "have the same tag"
sed -i 's/^  base.gate: .*/  base.gate: [["finite(loss)"]]/; s/^  vars.seed.*/&\n  include: [{vars.word: low, base.gate: ["loss < 0"]}, {vars.word: high, base.gate: ["loss < 100"]}]/' sweep.yaml
expect 9 "$RUNNEL" run sweep.yaml
says "cell 2 of 3: word=low"
silent_about "cell 3 of 3"
sed -i 's/^matrix:/&\n  fail_fast: false/' sweep.yaml
expect 9 "$RUNNEL" run sweep.yaml
says "cell 3 of 3: word=high"
says "1 of 3 cells failed"
echo "a matrix of three cells: three runs, one store"
