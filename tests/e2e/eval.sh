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
python3 - "$scores/scores.json" <<'END' || fail "scores of an untrained model are not those of guessing"
import json, sys
s = json.load(open(sys.argv[1]))["models"]["base"]
assert 2 < s["bpb"] < 8, s
assert set(s["core_tasks"]) == {"tiny_facts", "tiny_pets", "tiny_sums"}, s
assert 0 <= s["tiny_world"] <= 0.55, s
END

# A gate that is not met stops the run.
pipeline ", tokens: tokens, tiny_world: data.questions" "tiny-world" \
    ", max_per_task: 40, gate: [\"base.tiny_world >= 0.9\"]"
expect 9 "$RUNNEL" run p.yaml --threads 1
says "base.tiny_world"
