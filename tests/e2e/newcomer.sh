# Somebody's own text and own settings, and the questions that follow: what was learnt from, how long
# the rest takes, how far it is, what the model says. A run is named by its file, wherever it ran.
. "$(dirname "$0")/lib.bash"
for i in $(seq 3000); do printf 'the %d sheep of farm %d sleep. ' "$i" $((i % 7)); done >book.txt
for i in $(seq 40); do
    echo "[{\"role\": \"user\", \"content\": \"who $i\"}, {\"role\": \"assistant\", \"content\": \"sheep $i\"}]"
done >talks.jsonl
cat >own.yaml <<'YAML'
runnel: 1
name: own
stages:
  data:
    kind: fetch
    files:
      book: {urls: [book.txt]}
      talks: {urls: [talks.jsonl], check: {format: jsonl, record: conversation}}
  tokenizer: {kind: train-tokenizer, in: {text: data.book}, vocab_size: 300}
  base:
    kind: base-train
    in: {tokenizer: tokenizer, tokens: tokens}
    model: {arch: gpt2, depth: 1, n_embd: 16, sequence_len: 32}
    batch: {tokens: 64}
    horizon: {steps: 4}
    precision: bf16
  tokens: {kind: tokenize, in: {tokenizer: tokenizer, train: data.book, val: data.book}}
  sft:
    kind: sft
    in: {model: base, tokenizer: tokenizer}
    mixture: [{task: conversations, in: data.talks}]
    batch: {tokens: 64}
    horizon: {steps: 2}
    precision: bf16
YAML

# A book is one document, of which a tokenizer learns from the beginning alone; and the rates of a
# long training are no rates for a short one.
expect 0 "$RUNNEL" run own.yaml
says "of the text was left out: 1 of 1 documents are longer than doc_chars, 10000"
says "the warm-up of 715 steps (schedule.warmup) is not over in 4"
says "runnel chat $work/runs/own-"
expect 0 "$RUNNEL" run own.yaml tokenizer.doc_chars=1M base.schedule.warmup=1
silent_about "was left out"
silent_about "is not over"
silent_about "ever seen"
other=(tokenizer.doc_chars=1M base.schedule.warmup=1)

# Nor do rows that begin with a document hold more of it than fits, and each is a pass over the data.
expect 0 "$RUNNEL" run own.yaml --runs bestfit --until base base.loader.kind=bestfit
says "of the training tokens are ever seen"

# What works on a run takes it by its file, with what the run was started with.
for look in "status" "show" "metrics" "checkpoints" "checkpoints verify" "log base" "log"; do
    # shellcheck disable=SC2086 # two words
    set -- $look
    expect 0 "$RUNNEL" "$1" own.yaml "${@:2}" "${other[@]}"
done
expect 0 "$RUNNEL" checkpoints own.yaml "${other[@]}" verify
expect 2 "$RUNNEL" checkpoints own.yaml nonsense
says "verify, prune or export"
expect 0 "$RUNNEL" sample own.yaml:base --prompt the -n 2
expect 0 "$RUNNEL" sample own.yaml --chat --prompt who -n 2
expect 0 "$RUNNEL" diff own.yaml "$(ls -d runs/own-* | head -n 1)"
expect 2 "$RUNNEL" sample own.yaml:nobody --prompt the
says "no finished model of stage 'nobody'"

# `precision: auto` is bf16 on a GPU and fp32 on this processor: one file, two tags. Who looks does not
# say where it ran; of two runs the newer is meant.
sed -i '/precision: bf16/d' own.yaml
auto() { RUNNEL_CPU_ISA=portable expect 0 "$RUNNEL" "$@"; }
auto config own.yaml
says 'precision: "fp32"'
auto status own.yaml --json
says '"state":"done"'
auto checkpoints own.yaml
says "step_000004"
auto run own.yaml --until base
auto checkpoints own.yaml --json
silent_about '"stage":"sft"'

# What is not there is told by the plan, and a folder is no file.
expect 0 "$RUNNEL" plan own.yaml --runs none 'data.files.book.urls=[bok.txt]'
says "note: no such file: bok.txt"
mkdir -p folder
expect 1 "$RUNNEL" plan own.yaml --runs none 'data.files.book.urls=[folder]'
says "a source is one file"

# A number that no task measured: the gate says which there are, and a better one costs nothing.
cat >>own.yaml <<'YAML'
  eval: {kind: eval, in: {models: [base], tokenizer: tokenizer, tokens: tokens}, tasks: [bpb], bpb_tokens: 64, gate: [base.core > 0]}
YAML
expect 9 "$RUNNEL" run own.yaml
says "measured were base.bpb"
sed -i 's/base.core > 0/base.bpb > 0/' own.yaml
expect 0 "$RUNNEL" run own.yaml
says "nothing to do"

# Time is that of the pipeline's own last run, where what there is to do is not known yet; a stage
# that nothing is known of has none, and the sum says so.
sed -i 's/^name: own/name: alien/' own.yaml
time_of() { # STAGE
    sed -n "/\"stage\":\"$1\"/s/.*\"time_s\":\([0-9.]*\).*/\1/p" out
}
expect 0 "$RUNNEL" plan own.yaml --json base.seed=9 tokenizer.vocab_size=290
for stage in tokens sft; do
    [ "$(time_of $stage)" = 0.0 ] || fail "$stage takes the time of a stranger's: $(time_of $stage)"
done
expect 0 "$RUNNEL" plan own.yaml base.seed=9 tokenizer.vocab_size=290
says "of unknown time"
sed -i 's/^name: alien/name: own/' own.yaml
expect 0 "$RUNNEL" plan own.yaml --json base.seed=9
took=$(sed -n '/"event":"done".*"stage":"sft"/s/.*"wall_s":\([0-9.]*\).*/\1/p' "$(ls -t runs/own-*/journal.jsonl | xargs grep -l '"event":"done".*"stage":"sft"' | head -n 1)")
awk -v a="$(time_of sft)" -v b="$took" 'BEGIN {d = a - b; exit !(b > 0 && d <= 1e-3 && d >= -1e-3)}' ||
    fail "sft behind a new base is expected to take $(time_of sft) s, not $took s as it did"
echo "own text, own names, own times"
