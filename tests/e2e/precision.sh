# `precision`: auto is settled before keys are made, bf16 trains to the same bits on any number of
# threads, and `--op-times` says where the time went.
. "$(dirname "$0")/lib.bash"
tiny="$SRC/tests/pipelines/tiny.yaml"

train() { # RUNS THREADS OPTIONS...
    expect 0 "$RUNNEL" run "$tiny" --until base --runs "$1" --threads "$2" "${@:3}"
}

# On a processor without products of bf16, auto is fp32: by name and by key.
expect 0 env RUNNEL_CPU_ISA=portable "$RUNNEL" config "$tiny"
says 'precision: "fp32"'
tag_of() {
    "$@" 2>&1 | head -n 1 | cut -d' ' -f1
}
auto=$(tag_of env RUNNEL_CPU_ISA=portable "$RUNNEL" plan "$tiny")
written=()
for stage in base mid sft; do written+=("$stage.precision=fp32"); done
[ "$auto" = "$(tag_of "$RUNNEL" plan "$tiny" "${written[@]}")" ] || fail "auto and fp32 have two tags"
for stage in base mid sft; do written+=("$stage.precision=bf16"); done
[ "$auto" != "$(tag_of "$RUNNEL" plan "$tiny" "${written[@]}")" ] || fail "fp32 and bf16 have one tag"
expect 3 "$RUNNEL" check "$tiny" base.precision=fp16
says "bf16"

# Weights of bf16 do not depend on threads, nor on being timed, with embeddings in bf16 or not.
narrow=(base.precision=bf16 base.embeddings=bf16)
train one 1 "${narrow[@]}"
silent_about "GFLOP/s"
train two 2 "${narrow[@]}" --op-times
says "products in bf16"
says "linear            backward"
says "GB/s of memory"
(cd one/.store && find base-train-*/ -type f | sort) >files
[ -s files ] || fail "nothing was made"
head -c 4000 one/.store/base-train-*/model/model.safetensors | grep -q '"dtype":"BF16"' ||
    fail "embeddings are not BF16 in the file"
while read -r file; do same "one/.store/$file" "two/.store/$file"; done <files
grep -q '"op_ms_linear":' two/tiny-*/metrics/base.jsonl || fail "no op_ms_linear in the metrics"
grep -q 'op_ms' one/tiny-*/metrics/base.jsonl && fail "op_ms in the metrics of a run that nobody timed"
exit 0
