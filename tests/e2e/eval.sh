#!/bin/bash
# What the eval stage refuses before anything runs, and what it measures on the smallest models.
. "$SRC/tests/e2e/lib.bash"

pipeline() { # IN TASKS [MORE]: an eval of two untrained-looking models
    cat >p.yaml <<YAML
runnel: 1
name: measure
stages:
  data:
    kind: fetch
    files:
      shards: {count: 1, name: "shard_{i:05d}.parquet", urls: ["builtin:tiny-world/{file}"], check: {format: parquet, columns: [text]}}
      val: {name: shard_val.parquet, urls: ["builtin:tiny-world/{file}"], check: {format: parquet, columns: [text]}}
      questions: {name: choices.jsonl, urls: ["builtin:tiny-world/{file}"], check: {format: jsonl}}
      bundle: {name: eval_bundle.zip, urls: ["builtin:tiny-world/{file}"], check: {format: zip}, unpack: {strip: 1, require: [core.yaml]}}
  tokenizer: {kind: train-tokenizer, in: {text: data.shards}, vocab_size: 400}
  tokens: {kind: tokenize, in: {tokenizer: tokenizer, train: data.shards, val: data.val}}
  base:
    kind: base-train
    in: {tokenizer: tokenizer, tokens: tokens}
    model: {arch: gpt2, depth: 1, n_embd: 32, n_head: 1, sequence_len: 128}
    batch: {tokens: 512, device_rows: 4}
    horizon: {steps: 2}
    eval: {bpb: {tokens: 2048}}
  eval: {kind: eval, in: {models: [base], tokenizer: tokenizer$1}, tasks: [$2]${3:-}}
YAML
}

pipeline "" "bpb"
expect 3 "$RUNNEL" check p.yaml
says "in.tokens"
pipeline ", tokens: tokens" "bpb, croe"
expect 3 "$RUNNEL" check p.yaml
says "did you mean 'core'?"

# An untrained model guesses, is told so, and the numbers are where scripts look for them.
pipeline ", tokens: tokens, core: data.bundle, tiny_world: data.questions" \
    "bpb, core, tiny-world, sample" ", max_per_task: 40, bpb_tokens: 2048, gate: [\"base.bpb > 1\"]"
expect 0 "$RUNNEL" run p.yaml --threads 1
says "base.tiny_world"
says "base answers 'Where does Mira live?'"
scores=$(echo runs/*/stages/eval/scores)
[ -f "$scores/scores.json" ] || fail "no scores.json"
[ "$(tail -n 1 "$scores/core_base.csv" | cut -c1-4)" = CORE ] || fail "no CORE line in the table"
number() { # KEY: its first value in scores.json
    sed -n "s/^ *\"$1\": \([-0-9.e]*\),*$/\1/p" "$scores/scores.json" | head -n 1
}
awk -v bpb="$(number bpb)" -v right="$(number tiny_world)" \
    'BEGIN { exit !(bpb > 2 && bpb < 8 && right >= 0 && right <= 0.55) }' ||
    fail "bpb $(number bpb) and tiny_world $(number tiny_world) are not those of an untrained model"
for task in tiny_facts tiny_pets tiny_sums; do
    grep -q "\"$task\"" "$scores/scores.json" || fail "no $task in scores.json"
done

# What became of each question: every task has its file, every line says the same things.
lines() { wc -l <"$scores/$1_base.jsonl"; }
[ "$(lines tiny_world)" -eq 120 ] || fail "40 questions in three forms, $(lines tiny_world) lines"
[ "$(lines core)" -eq 72 ] || fail "three tasks of 24 questions, $(lines core) lines"
for task in tiny_world core; do
    grep -vqE '"losses":\[.*"right":(true|false),"row":[0-9]+' "$scores/${task}_base.jsonl" &&
        fail "$task: a line lacks losses, right or row"
done
for form in chat text letter; do
    right=$(grep -F "\"form\":\"$form\"" "$scores/tiny_world_base.jsonl" | grep -cF '"right":true' || true)
    metric=tiny_world_$form
    [ "$form" = chat ] && metric=tiny_world
    awk -v a="$right" -v b="$(number "$metric")" 'BEGIN { exit !(a / 40 - b < 1e-9 && b - a / 40 < 1e-9) }' ||
        fail "$form: $right lines are right, the share is $(number "$metric")"
done
grep -qF '"split": "the bundle' "$scores/scores.json" || fail "no split of CORE's rows"
grep -qF '"protocol": "nanochat"' "$scores/scores.json" || fail "no protocol"

# The command: two models of one name are told apart, numbers say in which precision they were got.
cp -RL runs/*/stages/base/model a && mkdir b && cp -RL a b/a
questions=$(echo runs/*/stages/data/questions/choices.jsonl)
for precision in fp32 bf16; do
    expect 0 "$RUNNEL" eval a b/a --tokenizer "$(echo runs/*/stages/tokenizer/tokenizer)" \
        --tasks tiny-world --data "tiny_world=$questions" --max-per-task 8 --threads 1 \
        --precision "$precision" --out own
    says "b_a"
    [ -s own/tiny_world_a.jsonl ] && [ -s own/tiny_world_b_a.jsonl ] || fail "no records of one model"
    cmp -s own/tiny_world_a.jsonl own/tiny_world_b_a.jsonl || fail "equal models, other numbers"
    grep -qF "\"precision\": \"$precision\"" own/scores.json || fail "no $precision in scores.json"
done

# A gate that is not met stops the run.
pipeline ", tokens: tokens, tiny_world: data.questions" "tiny-world" \
    ", max_per_task: 40, gate: [\"base.tiny_world >= 0.9\"]"
expect 9 "$RUNNEL" run p.yaml --threads 1
says "base.tiny_world"
