# Token shards that other programs made: fetched, checked, trained on without a tokenize stage.
. "$(dirname "$0")/lib.bash"
cp "$SRC"/tests/golden/tokens/* "$SRC"/tests/golden/hf-small.json .
cat >tokens.yaml <<'EOF2'
runnel: 1
name: tok
vars: {format: npy, train: u2.npy}
stages:
  data:
    kind: fetch
    files:
      ids: {urls: [hf-small.json], name: tokenizer.json}
      train: {urls: ["${vars.train}"], check: {format: "${vars.format}", rows: 30}}
      val: {urls: [llmc-v7.bin], check: {format: llmc}}
  tokenizer: {kind: train-tokenizer, import: data.ids}
  base:
    kind: base-train
    in: {tokens: data.train, val: data.val, tokenizer: tokenizer}
    model: {arch: gpt2, depth: 1, n_embd: 16, n_head: 2, sequence_len: 8}
    batch: {tokens: 16}
    horizon: {steps: 2}
  eval:
    kind: eval
    in: {models: [base], tokenizer: tokenizer, tokens: data.val}
    tasks: [bpb]
EOF2
expect 0 "$RUNNEL" run tokens.yaml
says "30 tokens in 1 documents; they name no tokenizer: all are below 322"
expect 0 "$RUNNEL" plan tokens.yaml base.horizon.steps=3
says "note: data.train names no tokenizer: all that can be checked is that its ids are below"
expect 0 "$RUNNEL" plan tokens.yaml base.horizon.steps=3 --json
says '"note":"data.train names no tokenizer'
expect 0 "$RUNNEL" plan tokens.yaml
silent_about "note:"
expect 0 "$RUNNEL" run tokens.yaml --yes=data vars.format=llmc vars.train=llmc-v1.bin
says "base       step 00002: val_bpb"
expect 4 "$RUNNEL" run tokens.yaml --yes=data vars.train=f4.npy
says "its type is none of uint16, uint32, int32"
expect 4 "$RUNNEL" run tokens.yaml --yes=data vars.format=megatron vars.train=megatron-u2.idx data.files.train.check.rows=31
says "30 tokens, expected 31"
head -c 100 u2.npy >cut.npy
expect 4 "$RUNNEL" run tokens.yaml --yes=data vars.train=cut.npy
echo "token files: fetched, checked, trained on"
