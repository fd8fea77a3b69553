# docs/errors.md is true: pipelines/smoke.yaml, broken as a new user would break it, and what the
# program says. UPDATE=1 writes the page anew.
. "$(dirname "$0")/lib.bash"
page=$work/errors.md
number=0

cat >"$page" <<'MD'
# What runnel says about a wrong pipeline file

`pipelines/smoke.yaml`, broken as a new user would break it. Nothing is touched before the whole file
is right: `runnel run` says the same before its first stage. All problems of a file are told in one go,
each with its place. This page is written by `UPDATE=1 ctest -R e2e-errors` and kept true by that test.
MD

# wrong TITLE SED [ARGS...]: smoke.yaml after SED, what changed in it, and what check says.
wrong() {
    local title=$1 edit=$2
    shift 2
    number=$((number + 1))
    sed -E "$edit" "$SRC/pipelines/smoke.yaml" >smoke.yaml
    {
        printf '\n## %d. %s\n\n' "$number" "$title"
        if ! cmp -s smoke.yaml "$SRC/pipelines/smoke.yaml"; then
            echo '```yaml'
            diff "$SRC/pipelines/smoke.yaml" smoke.yaml | sed -n 's/^> //p'
            echo '```'
        fi
        echo '```'
        printf '$ runnel check smoke.yaml%s\n' "${*:+ $*}"
        "$RUNNEL" check smoke.yaml "$@" 2>&1
        printf 'exit %d\n' $?
        echo '```'
    } >>"$page"
}

wrong "A key with a typing error" 's/horizon: \{steps: 120\}/horizon: {stpes: 120}/'
wrong "A value of another type" 's/vocab_size: 768/vocab_size: large/'
wrong "A number out of its range" 's/head_dim: 64, /head_dim: -64, /'
wrong "A rate below nothing, where -1 is 'by rule'" 's/(seed: \$\{vars.seed\})/\1\n    schedule: {warmdown: -0.5}/'
wrong "A batch that is not whole rows" 's/batch: \{tokens: 2048\}/batch: {tokens: 2000}/'
wrong "A width that its heads do not divide" 's/n_embd: 128, /n_embd: 100, /'
wrong "A duration without its unit" 's/(checkpoint: \{every: 40 steps, )/\1every_time: 10, /'
wrong "A stage of an unknown kind" 's/kind: base-train/kind: pretrain/'
wrong "An input from a stage that is not there" 's/train: data.shards, val/train: dta.shards, val/'
wrong "An output that the stage does not have" 's/text: data.shards/text: data.shard/'
wrong "An input of the wrong kind" 's/model: sft, tokenizer: tokenizer\}/model: data.shards, tokenizer: tokenizer}/'
wrong "Stages that wait for each other" 's/in: \{model: base, tokenizer/in: {model: sft, tokenizer/'
wrong "A key written twice" 's/^  tokens: \{/  tokens: {kind: tokenize, /'
wrong "A gate on a metric that nobody measures" 's/val_bpb < 0.4/val_bbp < 0.4/'
wrong "A gate that cannot be read" 's/val_bpb < 0.4/val_bpb below 0.4/'
wrong '${...} inside braces, without quotes' 's/depth: 4,/depth: ${vars.depth},/; s/vars: \{seed: 42\}/vars: {seed: 42, depth: 4}/'
wrong "A variable that is not there" 's/\$\{vars.seed\}/${vars.sede}/'
wrong "An environment variable that is not set" 's/name: smoke/name: ${env.RUN_NAME}/'
wrong "An unset key that must be there" 's/, vocab_size: 768//; s/kind: train-tokenizer, in: \{text: data.shards\}/kind: train-tokenizer, in: {}/'
wrong "A tab" 's/^    kind: fetch/\tkind: fetch/'
wrong "A template that has no number" 's/shard_\{i:05d\}/shard_{n:05d}/'
wrong "An override of a key that is not there" '' base.horizn.steps=10
wrong "An override that is a variable" '' seed=7
wrong "A profile that is not there" '' -p smal
wrong "A key that is not there, and like no other" 's/horizon: \{steps: 120\}/lr: 3e-4/'
wrong "A mixture that does not say where its rows are" 's/in: data.conversations, rows: 1600/rows: 1600/'
wrong "A group of weights that the architecture does not have" 's/^(    )horizon: \{steps: 120\}/\1optimizer: {groups: {wte: {lr: 0.1}}}/'
wrong "An url without a kind" 's#builtin:access-denied#htps://first.example/{file}#'
wrong "A colon that is missing" 's/^  export: /  export /'
wrong "A gate that does not say which model" 's/sft.tiny_world >= 0.9/tiny_world >= 0.9/'
wrong "A key of the file that is not there" 's/^vars:/device: cuda\nvars:/'
wrong "A line that stands out" 's/^    kind: mid-train/     kind: mid-train/'
{
    printf '\n## %d. %s\n\n```\n$ runnel check smoke.yml\n' $((number + 1)) "A file that is not there"
    "$RUNNEL" check smoke.yml 2>&1
    printf 'exit %d\n```\n' $?
} >>"$page"

[ "${UPDATE:-}" = 1 ] && cp "$page" "$SRC/docs/errors.md"
diff -u "$SRC/docs/errors.md" "$page" >out || fail "docs/errors.md is not what the program says"
[ -e runs ] && fail "runnel check touched runs/"
echo "$((number + 1)) messages are as docs/errors.md shows them"
