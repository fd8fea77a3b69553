#!/bin/bash
# Completion as shells do it: bash with a simulated line, zsh on a pseudo terminal, fish by its own
# `complete -C`.
. "$(dirname "$0")/lib.bash"
cat >tiny.yaml <<'YAML'
runnel: 1
name: tiny
stages:
  data: {kind: fetch, files: {text: {urls: ["builtin:tiny-world/shard_00000.parquet"]}}}
  tokenizer: {kind: train-tokenizer, in: {text: data.text}, vocab_size: 300}
profiles: {smoke: {}, "big": {}}
YAML
expect 0 "$RUNNEL" check tiny.yaml
mkdir -p bin && ln -s "$RUNNEL" bin/runnel && PATH="$work/bin:$PATH"

# complete_bash LINE: the candidates, one a line, sorted.
complete_bash() {
    bash --norc -c '
        source <(runnel completion bash)
        complete -p runnel | grep -q _runnel || exit 9
        COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _runnel
        printf "%s\n" "${COMPREPLY[@]}" | sort' bash "$1"
}
# gives SHELL LINE CANDIDATE...: exactly these.
gives() {
    local shell=$1 line=$2
    shift 2
    printf '%s\n' "$@" | sort >want
    "complete_$shell" "$line" >got
    cmp -s want got || { diff want got >out; fail "$shell completes '$line' otherwise"; }
}
gives bash "runnel pl" plan
gives bash "runnel run tiny.yaml --from to" tokenizer
gives bash "runnel run tiny.yaml --only " data tokenizer
gives bash "runnel run tiny.yaml -p " big smoke
gives bash "runnel run tiny.yaml --profile=b" big
gives bash "runnel plan tiny.yaml --exi" --exit-code
gives bash "runnel metrics --to " csv json prometheus tensorboard wandb-offline
gives bash "runnel completion z" zsh
gives bash "runnel check ti" tiny.yaml
gives bash "runnel zzz " ""
gives bash "runnel run nowhere.yaml --from " ""
mkdir -p "$RUNNEL_RUNS/tiny-12ab" && : >"$RUNNEL_RUNS/tiny-12ab/journal.jsonl"
gives bash "runnel status tiny-" tiny-12ab

if command -v fish >/dev/null; then
    complete_fish() {
        HOME=$work XDG_CONFIG_HOME=$work fish --no-config -c '
            runnel completion fish | source
            complete -C "$argv[1]" | string replace -r "\t.*" ""' "$1" | sort
    }
    gives fish "runnel pl" plan
    gives fish "runnel run tiny.yaml --only " data tokenizer
    gives fish "runnel run tiny.yaml --from to" tokenizer
    gives fish "runnel check tin" tiny.yaml
else
    echo "SKIP: no fish, its completion is not tried"
fi

if command -v zsh >/dev/null; then
    # The candidates that _describe is given: zsh itself calls _runnel on a line it edits.
    cat >try.zsh <<'ZSH'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PATH=$PWD/bin:\$PATH; autoload -U compinit; compinit -u -d $PWD/dump; source <(runnel completion zsh); PS1='READ''Y>'"
zpty -r shell out '*READY>*'
zpty -w -n shell "runnel run tiny.yaml --from to"$'\t'
zpty -r shell out '*tokenizer*' && print -r -- "$out"
zpty -d shell
ZSH
    timeout 120 zsh -f try.zsh >out 2>&1
    grep -q -- '--from tokenizer' out || fail "zsh does not complete a stage"
else
    echo "SKIP: no zsh, its completion is not tried"
fi
echo "three shells complete"
